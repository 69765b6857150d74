/** Runs a bench in network and PID namespaces of its own, which end with it. */
import { spawnSync } from 'node:child_process'
import { UsageError } from './options.mjs'

const NAMESPACES = 'VNET_BENCH_NAMESPACES'

/**
 * Reads the options and calls `measure` with them in the namespaces. An error becomes one line and
 * the exit code.
 */
export async function isolated(name, help, optionsOf, measure) {
  try {
    const options = optionsOf(process.argv.slice(2))
    if (options.help) {
      process.stdout.write(help)
    } else if (process.env[NAMESPACES] !== undefined) {
      await measure(options)
    } else {
      process.exitCode = runInside()
    }
  } catch (error) {
    console.error(`${name}: ${error.message}`)
    process.exitCode = error instanceof UsageError ? 2 : 1
  }
}

/**
 * Runs this program again in the namespaces, and returns its exit code. A signal that ends this
 * process ends them, too: process 1 of a namespace would ignore it.
 */
function runInside() {
  const namespaces = ['--net', '--pid', '--fork', '--kill-child', '--mount-proc']
  const { status, error } = spawnSync(
    'setpriv',
    ['--pdeathsig', 'KILL', 'unshare', ...namespaces, process.execPath, ...process.argv.slice(1)],
    { stdio: 'inherit', env: { ...process.env, [NAMESPACES]: '1' } },
  )
  if (error) throw error
  return status ?? 1
}
