import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import imageFlags from '../../scripts/image-flags.json' with { type: 'json' };
import { packageVersion } from '../../src/package-version.ts';

/** Says of each script whether V8 had code of it: in NODE_OPTIONS, so that the flags of the process stay as they are. */
const tellScripts =
  'data:text/javascript,' +
  'import vm from "node:vm"; import { syncBuiltinESMExports } from "node:module";' +
  'vm.Script = class extends vm.Script { constructor(...all) { super(...all);' +
  'console.error("rejected", this.cachedDataRejected); } }; syncBuiltinESMExports();';

/** Prints the version with the program of a folder. */
function start(folder: string, flags: readonly string[] = []) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...flags, join(folder, 'main.js'), '--version'],
    {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: `--import ${JSON.stringify(tellScripts)}` },
    },
  );
  return { status, stdout: stdout.trim(), stderr: stderr.trim() };
}

const started = { status: 0, stdout: packageVersion() };
const withCode = { ...started, stderr: 'rejected false' };
const withoutCode = { ...started, stderr: 'rejected undefined' };

/** A build of one’s own, in which something may be changed. */
function copyOfBuild(): string {
  const top = mkdtempSync(join(tmpdir(), 'offramp-build-'));
  onTestFinished(() => rmSync(top, { recursive: true, force: true }));
  cpSync('package.json', join(top, 'package.json'));
  const folder = join(top, 'dist');
  const isProgram = (file: string) => /^dist(?:\/[\w-]+\.js|\/code(?:\/.*)?)?$/.test(file);
  cpSync('dist', folder, { recursive: true, filter: isProgram });
  return folder;
}

it('a build is ASCII, in whatever its sources say it', () => {
  expect(/[\u0080-\uffff]/.exec(readFileSync('dist/program.js', 'latin1'))).toBeNull();
});

describe('the code that a build keeps of the program', () => {
  it('is for starts by hand, and with the flags of the image', () => {
    expect(readdirSync('dist/code').length).toBe(2);
    expect(start('dist')).toEqual(withCode);
    expect(start('dist', imageFlags)).toEqual(withCode);
  });

  it('is the same bytes when it is made again in another folder', () => {
    const folder = copyOfBuild();
    const recorded = 'examples/demo/post-translate-modify.binpb';
    cpSync(recorded, join(folder, '..', recorded));
    rmSync(join(folder, 'code'), { recursive: true });
    const args = ['--random-seed=1', join(folder, 'save-code.js')];
    const options = { env: { PATH: process.env.PATH, TMPDIR: tmpdir() } };
    expect(spawnSync(process.execPath, args, options)).toMatchObject({ status: 0 });
    const [name = ''] = readdirSync(join(folder, 'code'));
    const made = readFileSync(join(folder, 'code', name));
    expect(made.equals(readFileSync(join('dist/code', name)))).toBe(true);
  });

  it('is not asked for with other flags', () => {
    expect(start('dist', ['--max-semi-space-size=8'])).toEqual(withoutCode);
    expect(start('dist', ['--title=a/b'])).toEqual(withoutCode);
  });

  it('is refused by V8 when it is of other flags than the name says', () => {
    const folder = copyOfBuild();
    const [plain = '', flagged = ''] = readdirSync(join(folder, 'code')).sort();
    cpSync(join(folder, 'code', flagged), join(folder, 'code', plain));
    expect(start(folder)).toEqual({ ...started, stderr: 'rejected true' });
  });

  it.each([
    ['damaged', (code: Buffer) => Buffer.from(code).fill(0x5a, 100, 200)],
    ['cut off', (code: Buffer) => code.subarray(0, -1000)],
    ['empty', () => Buffer.alloc(0)],
  ])('is left alone when it is %s', (_, change) => {
    const folder = copyOfBuild();
    const file = join(folder, 'code', readdirSync(join(folder, 'code')).sort()[0] ?? '');
    writeFileSync(file, change(readFileSync(file)));
    expect(start(folder)).toEqual(withoutCode);
  });

  it('is left alone when it is of another program of the same length', () => {
    const folder = copyOfBuild();
    expect(start(folder)).toEqual(withCode);
    const program = join(folder, 'program.js');
    const text = readFileSync(program, 'latin1');
    const other = text.replace('run the extension server', 'RUN THE EXTENSION SERVER');
    expect([other.length, other === text]).toEqual([text.length, false]);
    writeFileSync(program, other);
    expect(start(folder)).toEqual(withoutCode);
  });
});
