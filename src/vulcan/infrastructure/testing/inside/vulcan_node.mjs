// A reporter for `node --test` that says each test as one JSON line: file, names from the outside in, how it ended.
// The last line is {"type": "end"}; without it the run broke off.

const SHOWN = 2500;
const stacks = new Map();
const errors = new Map();

function names({ file, nesting, name }) {
  const stack = stacks.get(file) ?? [];
  stack.length = Math.min(stack.length, nesting);
  stack[nesting] = name;
  stacks.set(file, stack);
  return [...stack];
}

function problem(error) {
  const cause = error?.cause instanceof Error || typeof error?.cause === 'object' ? error.cause : error;
  return {
    failure: error?.failureType,
    exception: cause?.name ?? '',
    code: String(cause?.code ?? ''),
    message: String(cause?.stack ?? cause?.message ?? cause ?? '').slice(0, SHOWN),
  };
}

function outcome(type, data) {
  if (data.skip !== undefined || data.todo !== undefined) return 'skipped';
  return type === 'test:pass' ? 'passed' : 'failed';
}

function ended(type, data) {
  return {
    type: 'test',
    file: data.file ?? '',
    names: names(data),
    suite: data.details?.type === 'suite',
    outcome: outcome(type, data),
    seconds: (data.details?.duration_ms ?? 0) / 1000,
    printed: errors.get(data.file) ?? '',
    ...problem(data.details?.error),
  };
}

export default async function* report(source) {
  for await (const { type, data } of source) {
    if (type === 'test:stderr') {
      errors.set(data.file, ((errors.get(data.file) ?? '') + data.message).slice(-SHOWN));
    } else if (type === 'test:start') {
      yield JSON.stringify({ type: 'start', file: data.file ?? '', names: names(data) }) + '\n';
    } else if (type === 'test:pass' || type === 'test:fail') {
      yield JSON.stringify(ended(type, data)) + '\n';
    }
  }
  yield JSON.stringify({ type: 'end' }) + '\n';
}
