import { Argument, Command, CommanderError, Option } from 'commander';
import { check } from './commands/check.ts';
import { demo } from './commands/demo.ts';
import { explain } from './commands/explain.ts';
import { recordDefaults } from './commands/record-options.ts';
import { serve } from './commands/serve.ts';
import { errorTable, OfframpError } from './errors.ts';
import { packageVersion } from './package-version.ts';

const usageOrInputError = 2;

async function main(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('offramp')
    .description(
      'Envoy Gateway extension server: traffic whose backend has gone away takes a decided, explained exit.',
    )
    .version(packageVersion())
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`offramp: usage\n${text}`) })
    .configureHelp({ sortSubcommands: false })
    .addHelpText(
      'after',
      '\nExit codes: 0 nothing wrong, 1 something was skipped or would not work,\n' +
        '2 usage or input error, 70 a bug of Offramp, 75 serve hung.',
    );
  const snapshotFile = new Argument(
    '<snapshot>',
    'a recorded PostTranslateModifyRequest, or gzip of one',
  );
  const configFile = () =>
    new Option('-c, --config <file>', 'configuration; without it, every default');

  program
    .command('serve')
    .description('run the extension server until SIGTERM')
    .addOption(configFile())
    .option('--record <dir>', 'save hook requests there, without secrets, for explain')
    .option(
      '--record-max-files <n>',
      `how many recordings are kept (default: ${recordDefaults.maxFiles})`,
    )
    .option(
      '--record-max-bytes <size>',
      `how large they are together (default: ${recordDefaults.maxBytes})`,
    )
    .option('--record-secrets', 'record the secrets of a request too: they hold private keys')
    .action(async (options) => {
      await serve(options);
    });
  program
    .command('explain')
    .description('dry run on a recorded request: what would change, what would not, and why')
    .addArgument(snapshotFile)
    .addOption(configFile())
    .addOption(
      new Option('-o, --output <form>', 'binpb: the exact bytes of the response')
        .choices(['text', 'json', 'yaml', 'binpb'])
        .default('text'),
    )
    .option('--out <file>', 'write there instead of to standard output')
    .action(async (snapshot, options) => {
      exitCode = await explain(snapshot, options);
    });
  program
    .command('check')
    .description('say whether configurations and state files would work, alone and together')
    .argument('<files...>', 'of Offramp: configuration, state file; of Envoy Gateway: EnvoyGateway')
    .addOption(
      new Option('-o, --output <form>', 'how to print it')
        .choices(['text', 'json'])
        .default('text'),
    )
    .action(async (files, options) => {
      exitCode = await check(files, options);
    });
  program
    .command('demo')
    .description('run the server on its defaults and show it answering a recorded request')
    .option('--once', 'end after the answer instead of staying up')
    .option('--gateway', 'on a real Envoy Gateway and Envoy: says how, it needs a checkout')
    .action(async (options) => {
      await demo(options);
    });
  for (const command of program.commands) command.exitOverride();
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageOrInputError;
    if (error instanceof OfframpError) {
      process.stderr.write(`offramp: ${error.code}\n${error.message}\n`);
      return errorTable[error.code].exitCode;
    }
    const text = error instanceof Error ? error.stack : String(error);
    process.stderr.write(`offramp: unexpected\n${text}\nThis is a bug of Offramp.\n`);
    return errorTable.unexpected.exitCode;
  }
  return exitCode;
}

// `offramp … | head`: the reader has enough, which is no error of ours.
process.stdout.on('error', (error) => {
  if (!('code' in error && error.code === 'EPIPE')) throw error;
  process.exit(0);
});

void main(process.argv).then((exitCode) => {
  process.exitCode = exitCode;
});
