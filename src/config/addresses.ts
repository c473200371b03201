import { isIP } from 'node:net';
import * as z from 'zod';

const tcpAddress = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):(\d{1,5})$/;

function isTcpAddress(address: string): boolean {
  const port = tcpAddress.exec(address)?.[1];
  return port !== undefined && Number(port) <= 65_535;
}

/** host:port. */
export const tcpAddressSchema = z.string().refine(isTcpAddress, {
  error: 'expected host:port, for instance 127.0.0.1:8080 or [::1]:8080; port 0 takes a free one',
});

/**
 * Bytes of a socket's path that Linux, or macOS, has room for. Node cuts off what is longer, and listens
 * where nobody looks for it.
 */
export const maxSocketPathBytes = process.platform === 'darwin' ? 103 : 107;

/** What is wrong with a socket's path that is longer than that. */
export const socketPathTooLong = `the path is longer than the ${maxSocketPathBytes} bytes that a socket’s may have`;

/** Whether a socket can be at this path, by its length. */
export function isSocketPathShort(path: string): boolean {
  return Buffer.byteLength(path) <= maxSocketPathBytes;
}

/** host:port, or unix:path. */
export const grpcAddressSchema = z
  .string()
  .refine((address) => /^unix:.+/.test(address) || isTcpAddress(address), {
    error: 'expected host:port or unix:path, for instance 0.0.0.0:5005 or unix:run/offramp.sock',
  })
  .refine(hasRoom, { error: socketPathTooLong });

/** An address, taken apart. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly socket: string };

/** Takes an address apart that one of the schemas has accepted. */
export function readAddress(address: string): Address {
  const socket = /^unix:(?:\/\/)?(.+)$/.exec(address)?.[1];
  if (socket !== undefined) return { kind: 'unix', socket };
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  return { kind: 'tcp', host, port: Number(address.slice(colon + 1)) };
}

function hasRoom(address: string): boolean {
  const read = readAddress(address);
  return read.kind === 'tcp' || isSocketPathShort(read.socket);
}

/** Whether two servers cannot listen at these addresses at once: one port, and a host that is in both. */
export function addressesMeet(one: string, other: string): boolean {
  const [a, b] = [readAddress(one), readAddress(other)];
  if (a.kind === 'unix' || b.kind === 'unix') return false;
  if (a.port !== b.port || a.port === 0) return false;
  return a.host === b.host || isIn(a.host, b.host) || isIn(b.host, a.host);
}

/** Whether a host is one of those that another stands for: of all, or of all with IPv4. */
function isIn(host: string, all: string): boolean {
  return all === '::' || (all === '0.0.0.0' && isIP(host) === 4);
}

function isLoopback(address: string): boolean {
  const read = readAddress(address);
  if (read.kind === 'unix') return false;
  const { host } = read;
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === '::1' || host === 'localhost';
}

/** host:port that only processes of the same machine, or pod, reach. */
export const loopbackAddressSchema = tcpAddressSchema.refine(isLoopback, {
  error: 'expected an address that only this machine reaches, for instance 127.0.0.1:8091',
});
