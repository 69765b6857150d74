/**
 * Runs other programs during set-up: a line with the time on success, their whole output on
 * failure, both on stderr. stdout is never written, because it belongs to the program that is
 * started afterwards.
 */

import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { getPriority, constants as os, setPriority } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'

/** A failure with a one-line message that says what to do; shown without a stack. */
export class SetupError extends Error {
  advice = true
}

/** PATH, followed by the directory of this Node: the PATH of sudo may have no Node. */
export function pathWithNode() {
  return [process.env.PATH, dirname(process.execPath)].filter(Boolean).join(delimiter)
}

/** Whether `program` is in one of PATH's directories. */
export function isInstalled(program, path = process.env.PATH ?? '') {
  return path.split(delimiter).some(directory => isExecutable(resolve(directory, program)))
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Runs a program to its end. Returns its exit code (or the name of a signal) and its output. With
 * the option `nice`, a number, its priority is lower by that than the priority of this process.
 */
export function capture(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, PATH: pathWithNode(), ...options.env }
    const child = spawn(program, args, { cwd: options.cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    lowerPriority(child, options.nice ?? 0)
    const output = []
    child.stdout.on('data', chunk => output.push(chunk))
    child.stderr.on('data', chunk => output.push(chunk))
    child.on('error', reject)
    child.on('close', (code, signal) =>
      resolve({ code: code ?? signal, output: Buffer.concat(output).toString() }),
    )
  })
}

/** Makes the priority of a program that was started lower than that of this process, by `nice`. */
export function lowerPriority({ pid }, nice) {
  if (nice > 0 && pid !== undefined) {
    setPriority(pid, Math.min(getPriority() + nice, 19))
  }
}

/** Returns the exit code like a shell: 128 plus the signal number if a signal ended the program. */
export function exitCode(codeOrSignal) {
  return typeof codeOrSignal === 'number' ? codeOrSignal : 128 + (os.signals[codeOrSignal] ?? 0)
}

/** Tools, and the packages that have another name. */
const PACKAGES = { biome: '@biomejs/biome', tsc: 'typescript' }

/** Returns the command line of a tool of node_modules under this Node, not one found by PATH. */
export function tool(name) {
  // On Windows, the files of .bin are shell scripts.
  if (process.platform !== 'win32') return [process.execPath, join('node_modules/.bin', name)]
  const folder = join(import.meta.dirname, '../../node_modules', PACKAGES[name] ?? name)
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return [process.execPath, join(folder, typeof bin === 'string' ? bin : bin[name])]
}

/**
 * Returns npm's command line: the npm that runs this script, otherwise the npm beside this Node.
 */
export function npm() {
  const running = process.env.npm_execpath ?? ''
  const beside = process.platform === 'win32' ? 'node_modules/npm/bin/npm-cli.js' : 'npm'
  const cli = running.endsWith('npm-cli.js') ? running : join(dirname(process.execPath), beside)
  return existsSync(cli) ? [process.execPath, cli] : ['npm']
}

/**
 * Runs a program that must succeed. `what` names the step in the error and in its line, which
 * appears once the program has ended, in one piece with the output of a failed one: another step
 * may run beside it.
 */
export async function run(what, [program, ...args]) {
  const start = performance.now()
  const { code, output } = await capture(program, args).catch(error => {
    process.stderr.write(`vnet: ${what} ... failed\n`)
    throw error.code === 'ENOENT'
      ? new SetupError(`vnet: ${what} failed: ${program} not found, please install it`)
      : error
  })
  if (code === 0) {
    process.stderr.write(`vnet: ${what} ... ${((performance.now() - start) / 1000).toFixed(1)} s\n`)
    return
  }
  process.stderr.write(`vnet: ${what} ... failed\n${output}`)
  throw new SetupError(`vnet: ${what} failed, see above (exit ${code})`)
}
