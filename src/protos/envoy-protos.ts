import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import protobuf from 'protobufjs';

/** Fields of Envoy 1.37 and newer that the shipped protos do not have yet. */
const newerFields = [
  ['envoy.config.route.v3.Route', 'request_body_buffer_limit', 20, 'google.protobuf.UInt64Value'],
  ['envoy.config.route.v3.RouteAction', 'host_rewrite', 44, 'string'],
  ['envoy.config.route.v3.RouteAction', 'path_rewrite', 45, 'string'],
  ['envoy.extensions.filters.http.lua.v3.Lua', 'clear_route_cache', 5, 'google.protobuf.BoolValue'],
  [
    'envoy.extensions.filters.http.lua.v3.LuaPerRoute',
    'filter_context',
    4,
    'google.protobuf.Struct',
  ],
] as const;

/**
 * The official Envoy protos (v3, as shipped by `@grpc/grpc-js-xds`), loaded from disk.
 *
 * Takes about half a second, so only `explain`, `demo` and the tests ask for it; `serve` never does.
 * A file whose imports are not all shipped (OpenCensus, OpenTelemetry) is left out.
 */
export function loadEnvoyProtos(): protobuf.Root {
  const require = createRequire(import.meta.url);
  const deps = join(dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps');
  const folders = [
    ...['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((name) => join(deps, name)),
    dirname(require.resolve('protobufjs/package.json')),
  ];
  const locate = (file: string) =>
    folders.map((folder) => join(folder, file)).find((path) => existsSync(path));

  const complete = new Map<string, boolean>();
  const isComplete = (file: string): boolean => {
    const known = complete.get(file);
    if (known !== undefined) return known;
    complete.set(file, true); // an import cycle is complete unless something else is missing
    const path = locate(file);
    const answer =
      path === undefined ? protobuf.common.get(file) !== null : importsOf(path).every(isComplete);
    complete.set(file, answer);
    return answer;
  };

  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => locate(target) ?? target;
  const files = protoFiles(join(deps, 'envoy-api')).map((path) =>
    relative(join(deps, 'envoy-api'), path),
  );
  root.loadSync(
    files.filter((file) => file.includes('/v3/') && isComplete(file)),
    { keepCase: true },
  );
  addNewerFields(root);
  return root;
}

function addNewerFields(root: protobuf.Root): void {
  for (const [message, name, number, type] of newerFields) {
    const definition = root.lookupType(message);
    if (definition.fields[name] === undefined) {
      definition.add(new protobuf.Field(name, number, type));
    }
  }
  const match = root.lookupType('envoy.config.route.v3.RouteMatch');
  if (match.fields.filter_state !== undefined) return;
  const matcher = 'envoy.type.matcher.v3.FilterStateMatcher';
  match.add(new protobuf.Field('filter_state', 16, matcher, 'repeated'));
}

function importsOf(path: string): string[] {
  const matches = readFileSync(path, 'utf8').matchAll(/^import\s+(?:public\s+)?"([^"]+)";/gm);
  return [...matches].map((match) => match[1] ?? '');
}

function protoFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.proto'))
    .map((entry) => join(entry.parentPath, entry.name));
}
