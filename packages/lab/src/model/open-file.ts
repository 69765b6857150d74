import { closeSync, openSync } from 'node:fs'

/** Opens a file until it is disposed of. */
export function openFile(
  path: string,
  flags: string | number,
): Disposable & { readonly fd: number } {
  const fd = openSync(path, flags)
  return { fd, [Symbol.dispose]: () => closeSync(fd) }
}
