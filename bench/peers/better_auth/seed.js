// Fill a new database: `node seed.js ACCOUNTS`.

import { randomBytes } from "node:crypto";

import { symmetricEncrypt } from "better-auth/crypto";
import { getMigrations } from "better-auth/db/migration";

import { auth, database } from "./application.js";

async function seed(accounts) {
  await prepareTables();
  const context = await auth.$context;
  const { adapter, secretConfig: key } = context;
  const password = await context.password.hash(process.env.PEER_PASSWORD);
  const [secret, backupCodes] = await Promise.all(
    [process.env.PEER_KEY, "[]"].map((data) => symmetricEncrypt({ key, data })),
  );
  const addInstance = database.prepare("INSERT INTO instance (id, userId, name) VALUES (?, ?, ?)");
  for (let number = 0; number < accounts; number++) {
    const user = await addUser(adapter, `p${number}`, password);
    await adapter.create({ model: "twoFactor", data: { userId: user.id, secret, backupCodes, verified: true } });
    for (let i = 0; i < Number(process.env.PEER_INSTANCES); i++) {
      addInstance.run(randomBytes(16).toString("hex").toUpperCase(), user.id, `Loja ${i}`);
    }
  }
}

async function prepareTables() {
  database.pragma("synchronous = OFF"); // of this connection only
  await (await getMigrations(auth.options)).runMigrations();
  database.exec("CREATE TABLE instance (id TEXT PRIMARY KEY, userId TEXT NOT NULL REFERENCES user (id), name TEXT NOT NULL)");
  database.exec("CREATE INDEX instance_of ON instance (userId)");
}

async function addUser(adapter, name, password) {
  const [email, now] = [`${name}@example.com`, new Date()];
  const times = { createdAt: now, updatedAt: now };
  const user = await adapter.create({
    model: "user",
    data: { name, email, emailVerified: true, twoFactorEnabled: true, ...times },
  });
  await adapter.create({
    model: "account",
    data: { userId: user.id, accountId: user.id, providerId: "credential", password, ...times },
  });
  return user;
}

await seed(Number(process.argv[2]));
