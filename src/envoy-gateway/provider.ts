import { isAbsolute, normalize } from 'node:path';
import * as z from 'zod';
import type { EnvoyGatewayConfiguration } from './find-configurations.ts';
import { type Finding, finding } from './findings.ts';
import type { OfframpSide } from './offramp-side.ts';

const providerSchema = z.looseObject({
  type: z.string().optional(),
  custom: z
    .looseObject({
      resource: z
        .looseObject({
          type: z.string().optional(),
          file: z.looseObject({ paths: z.array(z.string()).optional() }).nullish(),
        })
        .optional(),
    })
    .nullish(),
});

/** Where Envoy Gateway has its resources from: files that it watches, or the Kubernetes API. */
export type Provider =
  | { readonly kind: 'files'; readonly paths: readonly string[] }
  | { readonly kind: 'kubernetes' };

/** Kubernetes unless files are named, as in Envoy Gateway. */
export function readProvider({ content }: EnvoyGatewayConfiguration): Provider {
  const parsed = providerSchema.safeParse(content.provider);
  const { type, custom } = parsed.success ? parsed.data : {};
  const resource = custom?.resource;
  if (type !== 'Custom' || resource?.type !== 'File') return { kind: 'kubernetes' };
  return { kind: 'files', paths: resource.file?.paths ?? [] };
}

/** Whether Envoy Gateway sees what Offramp writes into `retrigger.folder`. */
export function checkRetrigger(
  configuration: EnvoyGatewayConfiguration,
  provider: Provider,
  { retriggerFolder }: OfframpSide,
): Finding[] {
  const { locate } = configuration;
  const unseen =
    'What Offramp writes there is not seen: a change of state waits for the next translation.';
  if (provider.kind === 'kubernetes') {
    if (retriggerFolder === undefined) return [];
    return [
      finding('retrigger-unread', locate(['provider']), {
        problem: `Envoy Gateway reads no files, Offramp’s retrigger.folder is ${retriggerFolder}`,
        consequence: unseen,
        remedy: 'Remove retrigger.folder from Offramp’s configuration.',
      }),
    ];
  }
  const path = ['provider', 'custom', 'resource', 'file', 'paths'];
  const [folder = '/etc/envoy-gateway/resources'] = provider.paths;
  if (retriggerFolder === undefined) {
    return [
      finding('retrigger-off', locate(path), {
        problem: 'Offramp has no retrigger.folder',
        consequence: 'A change of state reaches Envoy with the next translation only.',
        remedy: 'Name a folder that Envoy Gateway watches, in Offramp’s configuration.',
        yaml: `retrigger:\n  folder: ${folder}\n`,
      }),
    ];
  }
  if (provider.paths.some((watched) => isSameFolder(watched, retriggerFolder))) return [];
  return [
    finding('retrigger-not-watched', locate(path), {
      problem: `it has not Offramp’s retrigger.folder, ${retriggerFolder}; folders below a path are not watched`,
      consequence: `${unseen} It is, when both names stand for one folder, by a mount or a link.`,
      remedy: 'Name one of these paths in retrigger.folder, or add that folder here.',
      yaml: `retrigger:\n  folder: ${folder}\n`,
    }),
  ];
}

/** A relative path starts at Envoy Gateway's working directory, which is not known here. */
function isSameFolder(watched: string, folder: string): boolean {
  const trimmed = normalize(`${watched}/`);
  const wanted = normalize(`${folder}/`);
  return isAbsolute(watched) ? trimmed === wanted : wanted.endsWith(`/${trimmed}`);
}
