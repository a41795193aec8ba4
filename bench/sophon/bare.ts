import { createServer } from 'node:http';

/** The least that a Node server can do for a request: always the same 200. `bare.ts PORT BODY`. */
const [port, body = ''] = process.argv.slice(2);
const bytes = Buffer.from(body);
const headers = { 'content-type': 'application/json; charset=utf-8', 'content-length': bytes.length };

createServer((request, response) => {
  request.resume();
  response.writeHead(200, headers);
  response.end(bytes);
}).listen(Number(port), '127.0.0.1');
