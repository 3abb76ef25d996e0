// Drives a Dust server with Dust's own client, and checks every event and every recorded body by its schemas.
// Arguments: the server's URL, and a file of recorded bodies [[route, body], ...]. Prints one JSON object.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.argv[4]);
const D = require("@dust-tt/client");
const [url, recorded] = process.argv.slice(2);
const quiet = { error() {}, info() {}, warn() {}, debug() {}, trace() {} };
const api = new D.DustAPI({ url }, { workspaceId: "w1", apiKey: "sk-test" }, quiet);
const options = { maxReconnectAttempts: 5, reconnectDelay: 10, autoReconnect: true };
const checks = {};
const events = {};
const bodies = {};
const conversationEvents = {};

const message = (content, more = {}) => ({
  content,
  mentions: [{ configurationId: "ag1" }],
  context: { username: "vulcan", timezone: "UTC", origin: "api", ...more },
});
const create = (content, more) =>
  api.createConversation({ title: null, visibility: "unlisted", message: message(content, more) });

async function check(name, body) {
  try {
    const seen = await body();
    checks[name] = seen === true ? "ok" : `saw ${JSON.stringify(seen)}`;
  } catch (error) {
    checks[name] = `threw ${error}`;
  }
}

function note(event) {
  const known = event.type === "end-of-stream" ? { success: true } : D.AgentMessageEventDataSchema.safeParse(event);
  if (!known.success) throw new Error(`${JSON.stringify(event)}: ${known.error}`);
  if (event.type !== "end-of-stream" && known.data.type !== event.type) throw new Error(`taken for ${known.data.type}`);
  events[event.type] = (events[event.type] ?? 0) + 1;
}

async function follow(conversation, userMessageId) {
  const stream = await api.streamAgentAnswerEvents({ conversation, userMessageId, options });
  if (stream.isErr()) throw stream.error;
  const seen = [];
  for await (const event of stream.value.eventStream) {
    note(event);
    seen.push(event);
    if (event.type === "tool_approve_execution") break;
  }
  return seen;
}

async function ask(content) {
  const made = await create(content);
  if (made.isErr()) throw new Error(JSON.stringify(made.error));
  return { made: made.value, seen: await follow(made.value.conversation, made.value.message.sId) };
}

const end = (seen, type) => seen.find((event) => event.type === type);
const text = (seen) =>
  seen.filter((e) => e.type === "generation_tokens" && e.classification === "tokens").map((e) => e.text).join("");
const refused = (result, type) => (result.isErr() && result.error.type === type ? true : result);

await check("agents are listed", async () => (await api.getAgentConfigurations({})).value.length === 1);
await check("a person's view is refused", async () =>
  refused(await api.getAgentConfigurations({ view: "list" }), "not_authenticated"));
for (const kind of ["plain", "done", "cut", "lag", "pruned", "silent"]) {
  await check(`${kind} answers in full`, async () => {
    const { seen } = await ask(kind);
    const whole = end(seen, "agent_message_success").message.content;
    return whole.includes(`answer to ${kind}`) && text(seen) === whole;
  });
}
await check("a replay doubles what was seen", async () => {
  const { seen } = await ask("replay");
  const whole = end(seen, "agent_message_success").message.content;
  return text(seen).length > whole.length;
});
await check("an expired stream is given up, and the conversation is read", async () => {
  const made = (await create("expired")).value;
  const gaveUp = await follow(made.conversation, made.message.sId).then(() => false, () => true);
  const read = (await api.getConversation({ conversationId: made.conversation.sId })).value;
  return gaveUp && read.content[1][0].status === "succeeded";
});
await check("a conversation's events are told", async () => {
  const { made } = await ask("plain");
  const stream = await api.streamConversationEvents({ conversationId: made.conversation.sId, options });
  for await (const event of stream.value.eventStream) {
    const known = D.ConversationEventDataSchema.safeParse(event);
    if (!known.success) throw new Error(`${JSON.stringify(event)}: ${known.error}`);
    conversationEvents[event.type] = (conversationEvents[event.type] ?? 0) + 1;
    if (event.type === "agent_message_new") break;
  }
  return true;
});
await check("a failure is an event", async () => end((await ask("fails")).seen, "agent_error").error.code !== "");
await check("an approval is an event", async () => Boolean(end((await ask("ask")).seen, "tool_approve_execution")));
await check("a further message is answered", async () => {
  const { made } = await ask("plain");
  const sent = await api.postUserMessage({ conversationId: made.conversation.sId, message: message("plain again") });
  const conversation = (await api.getConversation({ conversationId: made.conversation.sId })).value;
  return Boolean(end(await follow(conversation, sent.value.sId), "agent_message_success"));
});
await check("an answer is cancelled", async () => {
  const made = (await create("hang")).value;
  const following = follow(made.conversation, made.message.sId);
  const answer = made.conversation.content[1][0].sId;
  const done = await api.cancelMessageGeneration({ conversationId: made.conversation.sId, messageIds: [answer] });
  return done.value.success && Boolean(end(await following, "agent_generation_cancelled"));
});
await check("the limit is told as 429", async () => refused(await create("limited-429"), "rate_limit_error"));
await check("the same limit is told as 403", async () => refused(await create("limited-403"), "rate_limit_error"));
await check("a gateway's page has no type", async () => refused(await create("gateway"), "unexpected_response_format"));
await check("a broken connection", async () => refused(await create("broken"), "unexpected_network_error"));
await check("a bad timezone is refused", async () =>
  refused(await create("plain", { timezone: "Nowhere" }), "invalid_request_error"));
await check("client-side MCP is refused to keys", async () =>
  refused(await create("plain", { clientSideMCPServerIds: ["x"] }), "not_authenticated"));
await check("registering MCP is refused to keys", async () =>
  refused(await api.registerMCPServer({ serverName: "vulcan" }), "mcp_auth_error"));
await check("an unknown conversation", async () =>
  refused(await api.getConversation({ conversationId: "no" }), "conversation_not_found"));
await check("a wrong key", async () => {
  const other = new D.DustAPI({ url }, { workspaceId: "w1", apiKey: "wrong" }, quiet);
  return refused(await other.getAgentConfigurations({}), "invalid_api_key_error");
});

const schemas = {
  conversations: D.PublicPostConversationsRequestBodySchema,
  messages: D.PublicPostMessagesRequestBodySchema,
  cancel: D.CancelMessageGenerationRequestSchema,
};
const sorted = (value) =>
  Array.isArray(value)
    ? value.map(sorted)
    : value && typeof value === "object"
      ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]))
      : value;
for (const [route, body] of JSON.parse(readFileSync(recorded, "utf8"))) {
  const parsed = schemas[route].safeParse(body);
  const same = parsed.success && JSON.stringify(sorted(parsed.data)) === JSON.stringify(sorted(body));
  (bodies[route] ??= []).push(same ? "ok" : String(parsed.error ?? `keys were dropped: ${JSON.stringify(body)}`));
}
const broken = { type: "agent_message_success", created: 1, configurationId: "a", messageId: "m" };
const canFail = !D.AgentMessageEventDataSchema.safeParse(broken).success
  && !D.PublicPostMessagesRequestBodySchema.safeParse({ content: "" }).success;
console.log(JSON.stringify({ checks, events, conversationEvents, bodies, canFail }));
