import { maxMessageBytes } from '../server/message-limit.ts';
import type { ManagerEntry } from './extension-managers.ts';
import { type Finding, fatalFinding, finding } from './findings.ts';
import { parseQuantity } from './quantity.ts';
import { recommendedMessageSize } from './recommended.ts';

const mebibyte = 1024 * 1024;
/** Envoy Gateway’s limit when nothing is said: gRPC’s own. */
const defaultBytes = 4 * mebibyte;
/** Below this a fleet of a size that exists does not fit. */
const sensibleBytes = 32 * mebibyte;
/** Of a snapshot; 4 MiB were passed at about 540 Gateways. */
const bytesPerGateway = 7_750;

/** How large a snapshot may get; `accepted` is what Offramp takes, in bytes. */
export function checkMessageSize(entry: ManagerEntry, accepted = maxMessageBytes): Finding[] {
  const { maxMessageSize = null, failOpen } = entry.manager;
  const place = entry.place('maxMessageSize');
  const yaml = entry.yaml(['maxMessageSize'], recommendedMessageSize);
  if (maxMessageSize === null) {
    return checkBytes(entry, defaultBytes, accepted, ' (the default)');
  }
  const size = parseQuantity(typeof maxMessageSize === 'object' ? '' : String(maxMessageSize));
  if (size.kind === 'invalid') {
    return [
      fatalFinding('max-message-size-invalid', place, 'refused', {
        problem: `${JSON.stringify(maxMessageSize)} is no Kubernetes quantity`,
        remedy: 'Write bytes, or a number with k, M, G, Ki, Mi or Gi.',
        yaml,
      }),
    ];
  }
  if (size.kind === 'no-integer' || size.bytes < 1) {
    return [
      fatalFinding('max-message-size-invalid', place, 'fails', {
        problem: `Envoy Gateway makes no number of bytes of ${JSON.stringify(maxMessageSize)}`,
        remedy: 'Write a whole, positive number; Ki, Mi and Gi take no decimal point.',
        yaml,
        failOpen: failOpen ?? false,
      }),
    ];
  }
  return checkBytes(entry, size.bytes, accepted);
}

function checkBytes(entry: ManagerEntry, bytes: number, accepted: number, remark = ''): Finding[] {
  const place = entry.place('maxMessageSize');
  const yaml = entry.yaml(['maxMessageSize'], recommendedMessageSize);
  const published = entry.manager.failOpen
    ? 'with failOpen Envoy gets Envoy Gateway’s own snapshot, in which nothing is answered'
    : 'nothing new reaches Envoy';
  if (bytes > accepted) {
    return [
      finding('max-message-size-above-offramp', place, {
        problem: `it is more than the ${sizeText(accepted)} that Offramp takes`,
        consequence: `A snapshot between the two is sent and refused with RESOURCE_EXHAUSTED: ${published}.`,
        remedy: 'Stay below it.',
        yaml,
      }),
    ];
  }
  if (bytes >= sensibleBytes) return [];
  return [
    finding('max-message-size-small', place, {
      problem: `${sizeText(bytes)}${remark} is passed at about ${gatewaysIn(bytes)} Gateways`,
      consequence: `From there on each hook call ends with RESOURCE_EXHAUSTED: ${published}.`,
      remedy: 'Raise it; a larger limit costs nothing.',
      yaml,
    }),
  ];
}

function sizeText(bytes: number): string {
  const mebibytes = bytes / mebibyte;
  return Number.isInteger(mebibytes) ? `${mebibytes} MiB` : `${bytes} bytes`;
}

/** Two digits: more would claim to know how large a Gateway is. */
function gatewaysIn(bytes: number): string {
  return String(Number((bytes / bytesPerGateway).toPrecision(2)));
}
