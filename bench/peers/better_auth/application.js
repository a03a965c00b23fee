// The smallest application with better-auth's login, its authenticator apps, and one page behind both.

import { createServer } from "node:http";
import { join } from "node:path";

import { Algorithm, hash, verify } from "@node-rs/argon2";
import { betterAuth } from "better-auth";
import { fromNodeHeaders, toNodeHandler } from "better-auth/node";
import { twoFactor } from "better-auth/plugins";
import Database from "better-sqlite3";

const cost = { algorithm: Algorithm.Argon2id, memoryCost: 47104, timeCost: 2, parallelism: 1, outputLen: 32 };

export const database = new Database(join(process.env.PEER_DATA, "peer.sqlite3"));
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL"); // the package is built with NORMAL as its default in WAL

export const auth = betterAuth({
  baseURL: `http://127.0.0.1:${process.env.PEER_PORT}`,
  secret: process.env.PEER_SECRET,
  database,
  emailAndPassword: {
    enabled: true,
    password: {
      hash: (password) => hash(password, cost), // 16 random bytes of salt, its default
      verify: ({ hash: stored, password }) => verify(stored, password),
    },
  },
  plugins: [twoFactor()],
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { level: "error" },
});

export function serve() {
  const answerAuth = toNodeHandler(auth);
  const instancesOf = database.prepare("SELECT id, name FROM instance WHERE userId = ?");

  async function home(request, response) {
    const session = await auth.api.getSession({ headers: fromNodeHeaders(request.headers) });
    if (!session) return response.writeHead(401).end();
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" });
    response.end(page(session.user.name, instancesOf.all(session.user.id)));
  }

  const server = createServer((request, response) => {
    if (request.url.startsWith("/api/auth/")) return answerAuth(request, response);
    if (request.url.split("?")[0] === "/" && request.method === "GET") return home(request, response);
    response.writeHead(404).end();
  });
  server.keepAliveTimeout = 75_000;
  server.listen(Number(process.env.PEER_PORT), "127.0.0.1");
}

function page(name, instances) {
  const items = instances.map(({ id, name }) => html`<li id="${id}">${name}</li>\n`);
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Instances</title></head>
<body>
<h1>${name}</h1>
<ul>
${items}</ul>
</body>
</html>
`.text;
}

class Markup {
  constructor(text) {
    this.text = text;
  }
}

// Whatever stands in ${} is escaped, unless this function made it.
function html(strings, ...values) {
  return new Markup(String.raw({ raw: strings }, ...values.map(escaped)));
}

function escaped(value) {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(escaped).join("");
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

if (import.meta.filename === process.argv[1]) serve();
