// Makes functions of JavaScript files return nothing at once. Usage: node --expose-internals vulcan_empty.cjs ROOT JSON, where
// JSON is {"path": [lines]}: of each file the innermost functions that these lines lie in. Prints how many were emptied.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const acorn = require('internal/deps/acorn/acorn/dist/acorn');

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

function parsed(source) {
  const options = { ecmaVersion: 'latest', locations: true, allowHashBang: true, allowReturnOutsideFunction: true };
  try {
    return acorn.parse(source, { ...options, sourceType: 'module' });
  } catch {
    return acorn.parse(source, { ...options, sourceType: 'script' });
  }
}

function functions(node, found = [], owner = null) {
  if (!node || typeof node.type !== 'string') return found;
  // The constructor of a derived class can't return before it has called its parent's.
  const isDerived = owner?.type === 'MethodDefinition' && owner.kind === 'constructor';
  if (FUNCTIONS.has(node.type) && !isDerived) {
    const whole = owner && ['MethodDefinition', 'Property'].includes(owner.type) && owner.value === node ? owner : node;
    found.push({ node, from: whole.loc.start.line, to: node.loc.end.line });
  }
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (child && typeof child === 'object' && typeof child.type === 'string') functions(child, found, node);
    }
  }
  return found;
}

function innermost(all, lines) {
  const chosen = new Set();
  for (const line of lines) {
    const around = all.filter(({ from, to }) => from <= line && line <= to);
    around.sort((a, b) => a.to - a.from - (b.to - b.from) || b.node.start - a.node.start);
    if (around.length) chosen.add(around[0]);
  }
  return [...chosen].map(({ node }) => node).sort((a, b) => b.body.start - a.body.start);
}

function empty(file, lines) {
  let text = fs.readFileSync(file, 'utf8');
  const chosen = innermost(functions(parsed(text)), lines);
  for (const { body } of chosen) {
    if (body.type === 'BlockStatement') {
      text = `${text.slice(0, body.start + 1)} return; ${text.slice(body.start + 1)}`;
    } else {
      text = `${text.slice(0, body.start)}void 0${text.slice(body.end)}`;
    }
  }
  fs.writeFileSync(file, text);
  return chosen.length;
}

const [root, request] = process.argv.slice(2);
let count = 0;
for (const [name, lines] of Object.entries(JSON.parse(request))) count += empty(path.join(root, name), lines);
console.log(count);
