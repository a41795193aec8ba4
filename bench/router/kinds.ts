import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Form, startBackplane } from '../backplane.ts';
import { start } from '../subject.ts';
import { found, type Kind } from './gateway.ts';

const python = '.cache/router-python/bin';
const pip = 'python3 -m venv .cache/router-python && pip install -r tools/python/router-requirements.txt';

/** The relay lane with all that an operator has on: keys, validation, metrics, an access log in a file. */
export const backplane = (form: Form): Kind => ({
  name: 'backplane',
  source: form === 'dist' ? 'npm run build' : 'this repository',
  launch: async (_port, upstream, directory) => {
    const config = `
plugins:
  - use: "@backplane/auth"
    config: { schemes: [{ keys: [{ name: bench, key: bench-key-0123456789 }] }] }
  - "@backplane/metrics"
  - "@backplane/vllm-proxy"
models:
  - id: bench
    backend: vllm
    options: { upstreams: [{ url: "${upstream}", key: upstream-key-0123456789 }] }
`;
    return startBackplane(config, form, join(directory, 'access.log'));
  },
});

const nginx: Kind = {
  name: 'nginx',
  source: 'apt-get install nginx-light',
  launch: async (port, upstream, directory) => {
    const program = await found('nginx');
    if (!program) return undefined;
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${directory}/${name};`,
    );
    await writeFile(
      join(directory, 'nginx.conf'),
      `
daemon off; worker_processes 2; pid ${directory}/nginx.pid; error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off; ${temporary.join(' ')}
  client_max_body_size 64m; keepalive_requests 100000000;
  upstream mock { server ${new URL(upstream).host}; keepalive 512; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_request_buffering off;
    }
  }
}
`,
    );
    return { child: start(program, ['-p', directory, '-c', join(directory, 'nginx.conf')]) };
  },
};

const haproxy: Kind = {
  name: 'haproxy',
  source: 'apt-get install haproxy',
  launch: async (port, upstream, directory) => {
    const program = await found('haproxy');
    if (!program) return undefined;
    const file = join(directory, 'haproxy.cfg');
    // Without http-no-delay it holds small chunks back for 200 ms.
    await writeFile(
      file,
      `global
  nbthread 2
  maxconn 4096
defaults
  mode http
  option http-no-delay
  http-reuse always
  timeout connect 5s
  timeout client 600s
  timeout server 600s
frontend in
  bind 127.0.0.1:${port}
  default_backend out
backend out
  server mock ${new URL(upstream).host}
`,
    );
    return { child: start(program, ['-db', '-f', file]) };
  },
};

const vllmRouter: Kind = {
  name: 'vllm-router',
  source: pip,
  launch: async (port, upstream) => {
    const program = await found('vllm-router', python);
    const address = ['--host', '127.0.0.1', '--port', String(port)];
    return program === undefined
      ? undefined
      : { child: start(program, [...address, '--worker-urls', upstream, '--policy', 'round_robin']) };
  },
};

const sglangRouter: Kind = {
  name: 'sglang-router',
  source: pip,
  launch: async (port, upstream) => {
    const program = await found('python', python);
    const address = ['--host', '127.0.0.1', '--port', String(port), '--prometheus-port', String(port + 1_000)];
    const worker = ['--worker-urls', upstream, '--policy', 'round_robin'];
    return program === undefined
      ? undefined
      : { child: start(program, ['-m', 'sglang_router.launch_router', ...address, ...worker]) };
  },
};

const litellm: Kind = {
  name: 'litellm',
  source: pip,
  launch: async (port, upstream, directory) => {
    const program = await found('litellm', python);
    if (!program) return undefined;
    const file = join(directory, 'litellm.yaml');
    await writeFile(
      file,
      `model_list:
  - model_name: bench
    litellm_params: { model: openai/bench, api_base: "${upstream}/v1", api_key: upstream-key-0123456789 }
litellm_settings: { telemetry: false }
`,
    );
    const address = ['--host', '127.0.0.1', '--port', String(port)];
    return {
      child: start(program, [...address, '--config', file, '--telemetry', 'False'], {
        env: {
          LITELLM_LOCAL_MODEL_COST_MAP: 'True',
          LITELLM_LOG: 'ERROR',
          LITELLM_MASTER_KEY: 'bench-key-0123456789',
          LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY: 'true',
        },
      }),
    };
  },
};

const portkey: Kind = {
  name: 'portkey',
  source: 'npm install --prefix .cache/router-npm @portkey-ai/gateway@1.15.2',
  headers: (upstream) => ['x-portkey-provider: openai', `x-portkey-custom-host: ${upstream}/v1`],
  launch: async (port) => {
    const program = await found('start-server.js', '.cache/router-npm/node_modules/@portkey-ai/gateway/build');
    if (!program) return undefined;
    return { child: start(process.execPath, [program, `--port=${port}`, '--headless']) };
  },
};

export const peers: readonly Kind[] = [nginx, haproxy, vllmRouter, sglangRouter, litellm, portkey];

/** A folder for each, since some take their whole configuration from one. */
export async function folderOf(kind: Kind, directory: string): Promise<string> {
  const folder = join(directory, kind.name);
  await mkdir(folder);
  return folder;
}
