import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { GONE } from '../fallback-kernel/servers.ts';

/** What of a JSON 404 is looked into, in bytes, and what Envoy holds back at most, by default. */
export const LOOKED_INTO = 65_536;
export const HELD_BACK = 1_048_576;

const json: OutgoingHttpHeaders = { 'content-type': 'application/json' };

/** One JSON object of so many bytes that says the session is gone. */
function goneOfSize(bytes: number): string {
  const start = '{"code":"browser_gone","padding":"';
  return `${start}${'x'.repeat(bytes - start.length - 2)}"}`;
}

/** Answers one request. */
export type Answer = (response: ServerResponse) => unknown;

/** With a length. */
function whole(body: string | Buffer, headers: OutgoingHttpHeaders = json, status = 404): Answer {
  return (response) =>
    response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers }).end(body);
}

/** Without a length, in pieces that are sent one by one. */
function pieces(body: string, headers: OutgoingHttpHeaders = json, count = 3): Answer {
  return async (response) => {
    response.writeHead(404, headers);
    const size = Math.ceil(body.length / count);
    for (let at = 0; at < body.length; at += size) {
      response.write(body.slice(at, at + size));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    response.end();
  };
}

/** Stops in the middle and closes the connection. */
function cutOff(body: string, headers: OutgoingHttpHeaders): Answer {
  return (response) => {
    response.writeHead(404, headers).write(body);
    setTimeout(() => response.destroy(), 20);
  };
}

/** Answers that say: this session is gone. */
export const goneAnswers: Readonly<Record<string, Answer>> = {
  'with a length': whole(GONE),
  'without a length': pieces(GONE),
  'with a charset': whole(GONE, { 'content-type': 'application/json; charset=utf-8' }),
  'as a problem': pieces(GONE, { 'content-type': 'application/problem+json' }),
  'in capitals': whole(GONE, { 'content-type': 'Application/JSON ;charset=UTF-8' }),
  'with an escaped code': whole('{"c\\u006fde":"browser\\u005fg\\u006Fne"}'),
  'among other members': whole(` {"a":[{"code":"x"}],\n"code" : "browser_gone","z":1e-3} \n`),
  'of an encoding that is none': whole(GONE, { ...json, 'content-encoding': 'identity' }),
  'as long as is looked into': whole(goneOfSize(LOOKED_INTO)),
  'as long, without a length': pieces(goneOfSize(LOOKED_INTO)),
};

/** Answers that do not say so, or in a way that does not count. */
export const otherAnswers: Readonly<Record<string, Answer>> = {
  '200 with browser_gone in it': whole(GONE, json, 200),
  ...Object.fromEntries(
    [400, 401, 403, 410, 429, 500, 502, 503, 504].map((status) => [
      `${status} with browser_gone in it`,
      whole(GONE, { ...json, 'retry-after': '1', 'set-cookie': ['a=1', 'b=2'] }, status),
    ]),
  ),
  'a redirect': whole(GONE, { ...json, location: '/elsewhere' }, 303),
  'another code': whole('{"code":"not_found","message":"browser_gone"}'),
  'a nested code': whole('{"error":{"code":"browser_gone"}}'),
  'a code in a string': whole('{"message":"{\\"code\\":\\"browser_gone\\"}"}'),
  'a code in an array': whole('[{"code":"browser_gone"}]'),
  'a code that is a list': whole('{"code":["browser_gone"]}'),
  'a code in capitals': whole('{"code":"BROWSER_GONE"}'),
  'text of JSON': whole('"browser_gone"'),
  text: whole(GONE, { 'content-type': 'text/plain' }),
  HTML: whole(`<p>${GONE}</p>`, { 'content-type': 'text/html' }),
  'no type': whole(GONE, {}),
  'lines of JSON': whole(`${GONE}\n`, { 'content-type': 'application/x-ndjson' }),
  empty: whole(''),
  'empty, without a length': pieces(''),
  'invalid JSON': whole('{"code":"browser_gone",}'),
  'JSON that ends early': whole('{"code":"browser_gone"'),
  'JSON with something behind it': pieces(`${GONE}{}`),
  binary: whole(Buffer.from(Array.from({ length: 512 }, (_, index) => index & 255))),
  gzip: whole(gzipSync(GONE), { ...json, 'content-encoding': 'gzip' }),
  'longer than is looked into': whole(goneOfSize(LOOKED_INTO + 1)),
  'longer, without a length': pieces(goneOfSize(LOOKED_INTO + 1)),
  'as long as is held back': pieces(goneOfSize(HELD_BACK - 1), json, 7),
  'far longer than is held back': whole(goneOfSize(4 * HELD_BACK)),
  'cut off, of another type': cutOff('half of a p', { 'content-length': 100 }),
  'cut off, longer than is looked into': cutOff(GONE, {
    ...json,
    'content-length': 2 * LOOKED_INTO,
  }),
  reset: (response) => response.destroy(),
};

/** Answers whose bytes the documentation does not promise. */
export const deviatingAnswers: Readonly<Record<string, Answer>> = {
  'cut off': cutOff('{"code":"brows', { ...json, 'content-length': 100 }),
  'cut off, without a length': cutOff('{"code":"brows', json),
  'longer than is held back, without a length': pieces(goneOfSize(2 * HELD_BACK), json, 7),
};
