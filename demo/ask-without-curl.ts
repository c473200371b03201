import http from 'node:http';
import type { Socket } from 'node:net';
import type { Ask } from './ask.ts';
import { type Question, readAnswer } from './question.ts';

const TIMEOUT_MS = 15_000;

/** Asks what curl would ask with Node's HTTP client, and tells it in curl's form. */
export const askWithoutCurl: Ask = async (question, signal) =>
  readAnswer(await textOf(question, signal));

async function textOf(question: Question, signal: AbortSignal): Promise<string> {
  switch (question.kind) {
    case 'get': {
      const { head, body } = await get(question.url, toHost(question.host), signal);
      return question.host === undefined ? body : `${head}${body}`;
    }
    case 'connect':
      return connect(question.proxy, question.url, signal);
    case 'count': {
      const counts = new Map<string, number>();
      for (let number = 1; number <= question.times; number++) {
        const { body } = await get(`${question.url}${number}`, toHost(question.host), signal);
        counts.set(body.trim(), (counts.get(body.trim()) ?? 0) + 1);
      }
      return [...counts.keys()]
        .toSorted()
        .map((who) => `${String(counts.get(who)).padStart(7)} ${who}\n`)
        .join('');
    }
    default:
      return question satisfies never;
  }
}

function toHost(host: string | undefined): http.RequestOptions {
  return { agent: false, ...(host === undefined ? {} : { headers: { host } }) };
}

interface Received {
  readonly head: string;
  readonly body: string;
}

function get(url: string, options: http.RequestOptions, signal: AbortSignal): Promise<Received> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { timeout: TIMEOUT_MS, signal, ...options });
    request.once('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.once('end', () => resolve({ head: headOf(response), body }));
      response.once('error', reject);
    });
    request.once('timeout', () => request.destroy(new Error(`no answer from ${url}`)));
    request.once('error', reject);
  });
}

/** Like curl, it keeps the body of a refusal to itself. */
async function connect(proxy: string, url: string, signal: AbortSignal): Promise<string> {
  const { hostname, port } = new URL(url);
  const path = `${hostname}:${port === '' ? 80 : port}`;
  const { response, socket } = await new Promise<{
    response: http.IncomingMessage;
    socket: Socket;
  }>((resolve, reject) => {
    const headers = { host: path };
    const request = http.request(proxy, { method: 'CONNECT', path, headers, agent: false, signal });
    request.once('connect', (response, socket: Socket) => resolve({ response, socket }));
    request.once('error', reject);
    request.setTimeout(TIMEOUT_MS, () => request.destroy(new Error(`no answer from ${proxy}`)));
    request.end();
  });
  try {
    if (response.statusCode !== 200) return headOf(response);
    const { head, body } = await get(url, { createConnection: () => socket }, signal);
    return `${headOf(response)}${head}${body}`;
  } finally {
    socket.destroy();
  }
}

function headOf(response: http.IncomingMessage): string {
  const { httpVersion, statusCode, statusMessage, rawHeaders } = response;
  const headers = rawHeaders.flatMap((name, at) =>
    at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : [],
  );
  return [`HTTP/${httpVersion} ${statusCode} ${statusMessage}`, ...headers, '', ''].join('\r\n');
}
