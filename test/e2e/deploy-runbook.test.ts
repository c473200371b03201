import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  deploymentOf,
  dryRun,
  folders,
  kubeVersion,
  namespaces,
  objectOf,
  parsedFileOf,
  parseObjects,
  type RenderedObject,
} from './support/kubernetes/charts.ts';
import { Operator } from './support/kubernetes/operator.ts';

const runbook = await readFile(path.join('docs', 'runbook.md'), 'utf8');
const chartPage = await readFile(path.join(folders.chart, 'README.md'), 'utf8');
const monitoringPage = await readFile(path.join('docs', 'monitoring.md'), 'utf8');
const listSchema = z.looseObject({ items: z.array(z.unknown()) });

/** These need a registry, a running pod, or somebody who types. */
const forPeople =
  /^(docker|curl|kubectl run|helm push)\b|\b(port-forward|exec|logs|edit|rollout status)\b/;

let operator: Operator;

beforeAll(async () => {
  operator = await Operator.start();
});

afterAll(async () => {
  await operator?.stop();
});

describe('the runbook for a Deployment', () => {
  it.each(commandsUnder('A Deployment of its own'))('%s', async (command) => {
    await operator.run(command);
  });

  it('leaves what it says: two pods, and an Envoy Gateway that calls them', async () => {
    const objects = await objectsIn(namespaces.offramp);
    expect(deploymentOf(objects, 'offramp').template.spec.containers).toMatchObject([
      { image: 'registry.example.com/offramp:0.1.0' },
    ]);
    expect(await extensionManager()).toMatchObject({
      service: { fqdn: { hostname: 'offramp.offramp-system.svc' } },
    });
  });

  it.each(commandsUnder('Verify'))('%s', async (command) => {
    const printed = await operator.run(command);
    if (command.includes('can-i')) expect(printed).toBe('yes\n');
    if (command.includes('check')) expect(printed).toContain('an EnvoyGateway configuration that');
  });

  it.each([...commandsUnder('Upgrade'), ...commandsUnder('Roll back'), ...commandsUnder('Scale')])(
    '%s',
    async (command) => {
      await operator.run(command);
    },
  );

  it.each([
    ...commandsUnder("A change of Envoy Gateway's configuration"),
    ...commandsUnder('When Offramp is away'),
  ])('%s', async (command) => {
    await operator.run(command);
  });

  it.each(commandsUnder('Take Offramp out'))('%s', async (command) => {
    const printed = await operator.run(command);
    if (command.includes('mode=shadow')) {
      const objects = await objectsIn(namespaces.offramp);
      expect(parsedFileOf(objects, 'offramp.yaml')).toMatchObject({ mode: 'shadow' });
    }
    if (command.includes('extensionManager=null')) expect(await extensionManager()).toBeUndefined();
    if (command.includes('uninstall')) expect(printed).toContain('uninstalled');
  });
});

describe('the runbook for a sidecar', () => {
  const sidecars = async () =>
    deploymentOf(await objectsIn(namespaces.envoyGateway), 'envoy-gateway').template.spec
      .initContainers;

  it.each(commandsUnder('A sidecar'))('%s', async (command) => {
    await operator.run(command);
    expect(await sidecars()).toMatchObject([{ name: 'offramp', restartPolicy: 'Always' }]);
    expect(await extensionManager()).toMatchObject({
      service: { unix: { path: '/run/offramp/offramp.sock' } },
    });
  });

  it.each(
    commandsUnder('Take Offramp out').filter((command) => /extensionManager=null/.test(command)),
  )('%s', async (command) => {
    await operator.run(command);
    expect(await sidecars()).toEqual([]);
    expect(await extensionManager()).toBeUndefined();
  });

  it('comes to the same with Kustomize alone', async () => {
    const chart = ['template', 'eg', folders.envoyGatewayChart, ...kubeVersion()];
    const values = path.join(folders.sidecar, 'envoy-gateway-values.yaml');
    const args = [...chart, '--namespace', namespaces.envoyGateway, '--values', values];
    const file = path.join(operator.folder, 'envoy-gateway.yaml');
    await writeFile(file, await operator.kubernetes.helm(args));
    const kustomization = blocks(runbook, 'yaml').find((block) => block.includes('components:'));
    await writeFile(path.join(operator.folder, 'kustomization.yaml'), kustomization ?? '');
    const postRenderer = path.join(folders.sidecar, 'post-render.sh');
    const helms = await operator.kubernetes.helm([...args, '--post-renderer', postRenderer]);
    const kustomized = parseObjects(await operator.run('kubectl kustomize .'));
    expect(parseObjects(helms)).toHaveLength(kustomized.length);
    expect(kustomized).toEqual(expect.arrayContaining([...parseObjects(helms)]));
  });
});

describe('pages about the installation', () => {
  it('show a PodMonitor that the API server accepts and that finds the port', async () => {
    const shown = blocks(runbook, 'yaml').find((block) => block.includes('PodMonitor')) ?? '';
    await dryRun(operator.kubernetes, parseObjects(shown));
    const patch = await readFile(
      path.join(folders.sidecar, 'envoy-gateway-deployment.yaml'),
      'utf8',
    );
    expect(patch).toContain(/port: ([a-z-]+)/.exec(shown)?.[1]);
  });

  it.each([...commandsIn(chartPage), ...commandsIn(monitoringPage)])('%s', async (command) => {
    await operator.run(command);
  });

  it.each([
    ...commandsUnder('Take Offramp out').filter((command) => command.includes('uninstall')),
    ...commandsUnder('A Deployment with Kustomize'),
  ])('%s', async (command) => {
    await operator.run(command);
  });

  it('speak of the release that there is', async () => {
    const { version } = z
      .looseObject({ version: z.string() })
      .parse(JSON.parse(await readFile('package.json', 'utf8')));
    const named = `${runbook}${chartPage}`.matchAll(/offramp[:-](\d+\.\d+\.\d+)|tag=(\d[\d.]+)/g);
    expect(new Set([...named].map(([, image, tag]) => image ?? tag))).toEqual(new Set([version]));
  });
});

async function objectsIn(namespace: string): Promise<readonly RenderedObject[]> {
  const args = ['get', 'deployments,configmaps', '--namespace', namespace, '--output', 'json'];
  const { items } = listSchema.parse(JSON.parse(await operator.kubernetes.kubectl(args)));
  return items.flatMap((item) => parseObjects(JSON.stringify(item)));
}

async function extensionManager(): Promise<unknown> {
  const objects = await objectsIn(namespaces.envoyGateway);
  const file = objectOf(objects, 'ConfigMap', 'envoy-gateway-config');
  return z
    .looseObject({ extensionManager: z.unknown().optional() })
    .parse(parsedFileOf([file], 'envoy-gateway.yaml')).extensionManager;
}

function blocks(page: string, language: string): readonly string[] {
  return [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, found]) => found === language)
    .map(([, , block = '']) => block);
}

function commandsIn(page: string): readonly string[] {
  return blocks(page, 'sh')
    .flatMap((block) => block.trim().split('\n'))
    .filter((command) => !forPeople.test(command));
}

/** The commands under a heading, without those that a person has to run. */
function commandsUnder(heading: string): readonly string[] {
  const [, section = ''] = runbook.split(new RegExp(`^##+ ${heading}\n`, 'm'));
  const commands = commandsIn(section.split(/^##+ /m)[0] ?? '');
  if (commands.length === 0) throw new Error(`the runbook has no command under ${heading}`);
  return commands;
}
