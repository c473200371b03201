import { stringify } from 'yaml';
import { z } from 'zod';
import type { RenderedObject } from './charts.ts';

const labelsSchema = z.record(z.string(), z.unknown());
const ofHelm = ['app.kubernetes.io/managed-by', 'helm.sh/chart'];

/** What a kustomization keeps of the chart's objects, as YAML: nothing that only Helm needs. */
export function withoutHelm(objects: readonly RenderedObject[], title: string): string {
  const documents = objects
    // Kustomize makes the ConfigMap itself, and rolls the pods by its name.
    .filter(({ kind }) => kind !== 'ConfigMap')
    .map((object) => stringify(JSON.parse(JSON.stringify(object, keep)), { lineWidth: 0 }));
  return `# ${title}\n${documents.join('---\n')}`;
}

function keep(key: string, value: unknown): unknown {
  if (key === 'annotations') return withoutKeys(value, ['checksum/config']);
  return key === 'labels' ? withoutKeys(value, ofHelm) : value;
}

function withoutKeys(value: unknown, keys: readonly string[]): unknown {
  const kept = Object.entries(labelsSchema.parse(value)).filter(([key]) => !keys.includes(key));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}
