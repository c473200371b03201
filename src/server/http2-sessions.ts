import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type Server, status } from '@grpc/grpc-js';
import type { CallRefusal } from '../observe/server-metrics.ts';
import { peerOf } from './peer.ts';
import type { Refusals } from './refusals.ts';

const maker = 'createHttp2Server';

/**
 * Tells of each HTTP/2 connection of a gRPC server. grpc-js keeps its HTTP/2 servers to itself; a
 * release of it that makes them otherwise serves without what is done here, and fails tests.
 */
export function eachSession(server: Server, tell: (session: ServerHttp2Session) => void): void {
  const make: unknown = Reflect.get(server, maker);
  if (typeof make !== 'function') return;
  Reflect.set(server, maker, (...args: readonly unknown[]) => {
    const http2Server = make.apply(server, args);
    http2Server.on('session', tell);
    return http2Server;
  });
}

/** How long a client may take, in milliseconds. */
export interface Patience {
  /** For its first HTTP/2 settings. */
  readonly handshake: number;
  /** For one call, from its headers to the last byte of its answer. */
  readonly call: number;
  /** For the answer to a PING, which is sent as often. */
  readonly ping: number;
}

/** A stream that is meant to last: somebody wants to be told when the health changes. */
const lastingPath = '/grpc.health.v1.Health/Watch';

/** Cuts off clients that connect and say nothing, that drag out a call, or that are not there any more. */
export function limitPatience(
  session: ServerHttp2Session,
  patience: Patience,
  refusals: Refusals,
): void {
  const peer = peerOf(session.socket);
  const silence = setTimeout(() => {
    refusals.connection('handshake-timeout', peer, { why: 'the client sent no HTTP/2 settings' });
    session.destroy();
  }, patience.handshake);
  const heard = () => clearTimeout(silence);
  session.once('remoteSettings', heard);
  session.once('close', heard);
  expectAnswers(session, patience.ping, () => refusals.connection('no-answer', peer));
  session.on('stream', (stream, headers) => {
    const refused = (reason: CallRefusal) => refusals.call(reason, { peer });
    stream.once('close', () => countTooLarge(stream, refused));
    if (headers[':path'] === lastingPath) return;
    const slow = setTimeout(() => {
      refused('too-slow');
      endSlowCall(stream, patience.call);
    }, patience.call);
    stream.once('close', () => clearTimeout(slow));
  });
}

/** HTTP/2 answers a PING by itself, however long its client makes no call: who does not is gone. */
function expectAnswers(session: ServerHttp2Session, interval: number, refused: () => void): void {
  let isAnswered = true;
  const timer = setInterval(() => {
    if (!isAnswered) {
      refused();
      session.destroy();
    } else if (!session.destroyed) {
      isAnswered = false;
      session.ping(() => {
        isAnswered = true;
      });
    }
  }, interval).unref();
  session.once('close', () => clearInterval(timer));
}

function endSlowCall(stream: ServerHttp2Stream, limit: number): void {
  if (stream.headersSent || stream.destroyed) {
    stream.close(constants.NGHTTP2_CANCEL); // the answer is not taken: nothing can be said any more
    return;
  }
  const headers = {
    ':status': 200,
    'content-type': 'application/grpc+proto',
    'grpc-status': status.RESOURCE_EXHAUSTED,
    'grpc-message': `too-slow: the call took longer than ${limit / 1000} s`,
  };
  stream.respond(headers, { endStream: true });
  stream.close(constants.NGHTTP2_NO_ERROR);
}

/** grpc-js refuses messages above the limit by itself, and tells nobody. */
function countTooLarge(stream: ServerHttp2Stream, refused: (reason: CallRefusal) => void): void {
  const sent = stream.sentTrailers ?? stream.sentHeaders;
  if (Number(sent?.['grpc-status']) !== status.RESOURCE_EXHAUSTED) return;
  const message = String(sent?.['grpc-message'] ?? '');
  if (!/^(?:queue-full|too-slow):/.test(message)) refused('too-large');
}
