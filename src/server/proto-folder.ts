import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The `proto` folder, which lies beside `src` in a checkout and beside `dist` in the image. */
export function protoFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'proto', 'envoygateway'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('the proto folder is missing beside Offramp');
    folder = parent;
  }
  return join(folder, 'proto');
}
