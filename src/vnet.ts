#!/usr/bin/env node
/**
 * The program, `node dist/vnet.js`: main(argv, io) with the real process around it. It imports
 * nothing statically, so that an old Node gets as far as reporting that it is too old.
 */

// Without a listener, SIGUSR1 opens Node's debugger to everyone with access to its port. `node
// --inspect` still opens it.
process.on('SIGUSR1', () => {})

const whyNot = unsupported()
if (whyNot === undefined && (await printsVersion())) {
  process.exit()
}
try {
  if (whyNot === undefined) {
    // V8's helper threads get no CPU beside a busy program, and frames would wait for them.
    const { setFlagsFromString } = await import('node:v8')
    setFlagsFromString('--no-parallel-scavenge')
    const { closeInheritedFiles } = await import('./cli/process/inherited-files.ts')
    closeInheritedFiles(process)
    const { main } = await import('./cli/main.ts')
    const { processIo } = await import('./cli/process/process-io.ts')
    const io = processIo(process)
    process.exitCode = await main(process.argv.slice(2), io)
    // A leaked timer or server of a driver must not keep the program alive.
    await io.end()
  } else {
    process.stderr.write(`vnet: ${whyNot}\n`)
    process.exitCode = 1
  }
} catch (error) {
  // Node opens all modules in parallel, so a low limit on descriptors (ulimit -n) fails here.
  const { code, message = String(error) } = error as NodeJS.ErrnoException
  const why = code === 'EMFILE' ? 'too many open files in the process; raise ulimit -n' : message
  process.stderr.write(`vnet: the program does not load: ${why}\n`)
  process.exitCode = 1
}
for (const stream of [process.stdout, process.stderr]) {
  await new Promise<void>(done => stream.write('', () => done()))
}
process.exit()

/**
 * Prints the version if the arguments ask for nothing else, before the code of the program is
 * loaded. Returns false if it must still be printed, or the reason why it cannot be.
 */
async function printsVersion(): Promise<boolean> {
  const [option = '', ...others] = process.argv.slice(2)
  if (!['--version', '-V'].includes(option) || others.length > 0) return false
  const { readFileSync, writeFileSync } = await import('node:fs')
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  try {
    writeFileSync(1, `${version}\n`)
    return true
  } catch {
    return false
  }
}

/** Returns why the program cannot run here and what to do; undefined if it can. */
function unsupported(): string | undefined {
  const { node } = process.versions
  const [major = 0, minor = 0] = node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    return `Node 20.19 or newer is needed, and this is ${node}`
  }
  return undefined
}

export {}
