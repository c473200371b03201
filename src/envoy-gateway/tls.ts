import type { ManagerEntry } from './extension-managers.ts';
import { type Finding, fatalFinding } from './findings.ts';
import type { OfframpSide } from './offramp-side.ts';
import type { Provider } from './provider.ts';

/** Whether Envoy Gateway and Offramp speak alike: both TLS, or both plain text. */
export function checkTls(
  entry: ManagerEntry,
  provider: Provider,
  side: OfframpSide | undefined,
): Finding[] {
  const asked = Boolean(entry.manager.service?.tls);
  const spoken = side?.tls ?? false; // the default of Offramp
  const place = entry.place('service', 'tls');
  if (asked && provider.kind === 'files') {
    return [
      fatalFinding('tls-standalone', place, 'fails', {
        problem: 'a standalone Envoy Gateway has no TLS to extension servers',
        remedy: 'Remove it, and call a unix socket, or an Offramp with grpc.insecure: true.',
        failOpen: entry.manager.failOpen ?? false,
      }),
    ];
  }
  if (asked && spoken) return checkClientCertificate(entry, side);
  if (asked === spoken) return [];
  if (asked) {
    return [
      fatalFinding('tls-unexpected', place, 'waits', {
        problem: 'Envoy Gateway speaks TLS, Offramp speaks plain text',
        remedy: 'Give Offramp grpc.tls. Or remove it, where nobody is on the way to Offramp.',
      }),
    ];
  }
  return [
    fatalFinding('tls-missing', place, 'waits', {
      problem: 'Envoy Gateway speaks plain text, Offramp expects TLS',
      remedy: 'Name the Secret that has the CA of Offramp’s certificate, under the key tls.crt.',
      yaml: entry.yaml(['service', 'tls'], references(side)),
    }),
  ];
}

function checkClientCertificate(entry: ManagerEntry, side: OfframpSide | undefined): Finding[] {
  if (side?.needsClientCertificate !== true) return [];
  if (entry.manager.service?.tls?.clientCertificateRef) return [];
  return [
    fatalFinding('tls-client-certificate', entry.place('service', 'tls'), 'waits', {
      problem: 'Envoy Gateway shows no certificate, and grpc.tls.clientCAFile asks for one',
      remedy: 'Name the Secret that has its certificate and key, under tls.crt and tls.key.',
      yaml: entry.yaml(['service', 'tls'], references(side)),
    }),
  ];
}

function references(side: OfframpSide | undefined) {
  const certificateRef = { name: 'offramp-ca' };
  if (side?.needsClientCertificate !== true) return { certificateRef };
  return { certificateRef, clientCertificateRef: { name: 'envoy-gateway-client' } };
}
