/* run.ts BASE KEY: reserves a reference, revokes it, and is refused for an index that is not there; by the client that
 * openapi-fetch makes of the types in api.d.ts. */
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const [base, key] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: base, headers: { "X-Api-Key": key } });

const { data, error: refused } = await client.POST("/pools/{pool}/new-references", { params: { path: { pool: "tests" }, query: { amount: 2 } } });
if (data === undefined) throw new Error(JSON.stringify(refused));
const [reference] = data.references;

const { response } = await client.PATCH("/status-lists/update", { body: { uri: reference.uri, index: reference.index, value: 1 } });
const version: string | null = response.headers.get("Status-List-Version");

const { error } = await client.PATCH("/status-lists/update", { body: { uri: reference.uri, index: 4294967295, value: 1 } });
if (error === undefined) throw new Error("not refused");
const problem: components["schemas"]["Problem"] = error;

console.log(JSON.stringify({ references: data.references.length, updated: response.status, version, status: problem.status, code: problem.code }));
