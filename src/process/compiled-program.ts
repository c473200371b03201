import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';

const folder = import.meta.dirname;

/** The program, bundled: a function of `require` and of its own URL. */
const programFile = join(folder, 'program.js');

/**
 * What V8 made of the program when it was built, and a checksum: with it, Offramp starts in two thirds of the
 * time. Only the same Node with the same flags can use it, so its name has them, and V8 compares them too; but
 * not the seed of random numbers, with which the code is the same bytes each time that it is made.
 */
const codeFolder = join(folder, 'code');
const flags = process.execArgv.filter((flag) => !flag.startsWith('--random-seed='));
const codeFile = join(
  codeFolder,
  [process.version, process.arch, ...flags].join('_').replaceAll('/', '|'),
);

const checksumBytes = 4;

/** Compiles the bundled program, but for what `saveCode` has kept of it. */
export function compileProgram(): Script {
  const source = readFileSync(programFile);
  const cachedData = readCode(source);
  return new Script(source.toString('latin1'), {
    filename: 'dist/program.js', // in stack traces, and in the code: so not where a build lies
    ...(cachedData && { cachedData }),
  });
}

/** Runs what `compileProgram` made, with the arguments of this process. */
export function runProgram(program: Script): void {
  program.runInThisContext()(createRequire(programFile), pathToFileURL(programFile).href);
}

/** Keeps the code of the program, of functions too if they have run, for the next start. */
export function saveCode(program: Script): void {
  const code = program.createCachedData();
  const checksum = Buffer.alloc(checksumBytes);
  checksum.writeUInt32BE(checksumOf(readFileSync(programFile), code));
  mkdirSync(codeFolder, { recursive: true });
  writeFileSync(codeFile, Buffer.concat([code, checksum]));
}

/** Undefined where there is none that is whole and of this source, which V8 itself does not look at. */
function readCode(source: Buffer): Buffer | undefined {
  try {
    const file = readFileSync(codeFile);
    const end = file.length - checksumBytes;
    const code = file.subarray(0, end);
    return file.readUInt32BE(end) === checksumOf(source, code) ? code : undefined;
  } catch {
    return undefined; // there is no such file, or it is too short
  }
}

function checksumOf(source: Buffer, code: Buffer): number {
  return crc32(code, crc32(source));
}
