/* The little of Node.js that run.ts needs. */
declare const process: { argv: string[] };
