// Writes what ships into a CycloneDX file: every package of the lock file that is no development
// dependency. The same commit gives the same file.
//   node scripts/sbom.mjs [file]
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * The bill of materials, as an object. `npm sbom --omit dev` leaves out packages that a development
 * dependency needs too, so npm gets a lock file that knows no development dependencies.
 */
export function makeSbom() {
  const scratch = mkdtempSync(join(tmpdir(), 'offramp-sbom-'));
  try {
    // npm names the application after its folder.
    const folder = join(scratch, 'offramp');
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), JSON.stringify(withoutDev(read('package.json'))));
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(shippedLock()));
    const args = ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'];
    const output = execFileSync('npm', [...args, '--sbom-type', 'application'], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return reproducible(JSON.parse(output));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function shippedLock() {
  const lock = read('package-lock.json');
  const shipped = Object.entries(lock.packages).filter(([, { dev }]) => dev !== true);
  return {
    ...lock,
    packages: { ...Object.fromEntries(shipped), '': withoutDev(lock.packages['']) },
  };
}

/** Its time is that of the commit, its number follows from what is in it. */
function reproducible(sbom) {
  const { serialNumber: _, ...rest } = sbom;
  const metadata = { ...rest.metadata, timestamp: new Date(sourceDate() * 1000).toISOString() };
  const content = { ...rest, metadata };
  const digest = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  const [uuid] = digest.match(/.{32}/) ?? [''];
  const parts = [uuid.slice(0, 8), uuid.slice(8, 12), `5${uuid.slice(13, 16)}`];
  const number = [...parts, `8${uuid.slice(17, 20)}`, uuid.slice(20)].join('-');
  const { $schema, bomFormat, specVersion, ...body } = content;
  return { $schema, bomFormat, specVersion, serialNumber: `urn:uuid:${number}`, ...body };
}

/** Seconds since 1970: SOURCE_DATE_EPOCH, else the time of the last commit, else 0. */
function sourceDate() {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined && given !== '') return Number(given);
  try {
    const args = ['log', '-1', '--format=%ct'];
    const stdio = ['ignore', 'pipe', 'ignore'];
    return Number(execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio }));
  } catch {
    return 0;
  }
}

function withoutDev({ devDependencies: _, ...manifest }) {
  return manifest;
}

function read(file) {
  return JSON.parse(readFileSync(join(root, file), 'utf8'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = resolve(process.argv[2] ?? join(root, 'sbom', 'offramp.cdx.json'));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(makeSbom(), undefined, 2)}\n`);
  process.stdout.write(`${file}\n`);
}
