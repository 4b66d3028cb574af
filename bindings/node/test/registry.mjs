// A small registry on this machine that serves one layout and counts its connections.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { json } from './support.mjs';

export async function serve(layout, { silent = false } = {}) {
  const { manifests } = json(join(layout, 'index.json'));
  const seen = { connections: 0, requests: 0, closed: 0 };
  const blob = (digest) => readFileSync(join(layout, 'blobs', ...digest.split(':')));
  const respond = (url) => {
    const [, kind, name] = /^\/v2\/demo\/app\/(manifests|blobs)\/(.+)$/.exec(url) ?? [];
    if (kind === undefined) return undefined;
    const tagged = manifests.find(({ annotations = {} }) => annotations['org.opencontainers.image.ref.name'] === name);
    const digest = tagged?.digest ?? (name.startsWith('sha256:') ? name : undefined);
    return digest && blob(digest);
  };
  const server = createServer((request, response) => {
    seen.requests += 1;
    response.on('close', () => (seen.closed += response.writableEnded ? 0 : 1));
    if (silent) return;
    let body;
    try {
      body = respond(request.url);
    } catch {
      body = undefined;
    }
    if (body === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
      return;
    }
    const type = 'application/vnd.oci.image.manifest.v1+json';
    response.writeHead(200, { 'content-type': type, 'content-length': body.length }).end(request.method === 'HEAD' ? undefined : body);
  });
  server.on('connection', () => (seen.connections += 1));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const host = `127.0.0.1:${server.address().port}`;
  const close = () => (server.closeAllConnections(), new Promise((done) => server.close(done)));
  return { host, image: `${host}/demo/app:v1`, seen, close };
}
