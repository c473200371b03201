import { isSocketPathShort, socketPathTooLong } from '../config/addresses.ts';
import type { ManagerEntry } from './extension-managers.ts';
import { type Finding, fatalFinding, finding } from './findings.ts';
import type { RecommendedService } from './recommended.ts';
import { type Target, targetsOf } from './service-target.ts';

const greatestPort = 65_535;

/** Whether Envoy Gateway can call the server that is named at all; if none is, the recommended one. */
export function checkService(entry: ManagerEntry, recommended: RecommendedService): Finding[] {
  const { service } = entry.manager;
  const targets = targetsOf(service);
  const [target] = targets;
  const place = entry.place('service');
  if (target === undefined) {
    const hint = service?.hostname ? '; hostname alone does not count' : '';
    return [
      fatalFinding('service-target', place, 'refused', {
        problem: `it names no server${hint}`,
        remedy: 'Say where Offramp listens: fqdn, ip or unix.',
        yaml: entry.yaml(['service'], recommended),
      }),
    ];
  }
  if (targets.length > 1) {
    return [
      fatalFinding('service-target', place, 'refused', {
        problem: `it names several servers: ${targets.map(({ path }) => path.join('.')).join(', ')}`,
        remedy: 'Keep one.',
      }),
    ];
  }
  const isDeprecated = target.path[0] === 'host' || target.path[0] === 'hostname';
  return [...checkTarget(entry, target), ...(isDeprecated ? [hostDeprecated(entry, target)] : [])];
}

function checkTarget(entry: ManagerEntry, target: Target): Finding[] {
  const failOpen = entry.manager.failOpen ?? false;
  if (target.kind === 'unix') {
    const wrong = wrongWithSocket(target.socket);
    if (wrong === undefined) return [];
    const place = entry.place('service', 'unix', 'path');
    return [fatalFinding('service-unreachable', place, wrong.outcome, { ...wrong, failOpen })];
  }
  if (target.port >= 1 && target.port <= greatestPort) return [];
  const problem =
    target.port === 0 ? 'it has no port, and there is no default' : 'there is no such port';
  const remedy = 'Write the port of the server, Offramp’s is in grpc.address.';
  return [
    fatalFinding('service-unreachable', portPlace(entry, target), 'waits', { problem, remedy }),
  ];
}

function wrongWithSocket(path: string) {
  const remedy = 'Write the whole path of Offramp’s socket, from /.';
  if (path === '') return { outcome: 'waits', problem: 'it has no path', remedy } as const;
  if (!path.startsWith('/')) {
    return { outcome: 'fails', problem: 'the path is not absolute', remedy } as const;
  }
  if (isSocketPathShort(path)) return undefined;
  const shorter = 'Give the socket a shorter path, in grpc.address of Offramp too.';
  return { outcome: 'waits', problem: socketPathTooLong, remedy: shorter } as const;
}

/** The port stands beside `host`, not below it. */
function portPlace(entry: ManagerEntry, { path: [field = ''] }: Target) {
  return field === 'fqdn' || field === 'ip'
    ? entry.place('service', field, 'port')
    : entry.place('service', 'port');
}

function hostDeprecated(entry: ManagerEntry, target: Target): Finding {
  const { host, port } = target.kind === 'tcp' ? target : { host: '', port: 0 };
  return finding('host-deprecated', entry.place('service', 'host'), {
    problem: 'host and port are deprecated',
    consequence: 'A later Envoy Gateway may not know them.',
    remedy: 'Use fqdn, ip or unix instead.',
    yaml: entry.yaml(['service', 'fqdn'], { hostname: host, port }),
  });
}
