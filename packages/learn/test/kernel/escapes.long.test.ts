/**
 * Attempts of a driver to get out of its check. Without the JavaScript sandbox the check's
 * processes still stop ESCAPES; only the sandbox stops READS.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { confined } from '#src/linux/rootless.ts'
import { exerciseOf } from '#support/course.ts'
import { fileDirectory } from '#support/fresh-directory.ts'
import type { Result } from '../../src/exercise.ts'
import { COURSE } from '../../src/folder.ts'
import { networkOnly } from '../../src/network-only.ts'
import { runWorker } from '../../src/worker.ts'

const directory = fileDirectory()
const own = join(directory, 'eve/02-mirror')
const HOME_FILE = join(homedir(), `vnet-escape-${process.pid}`)
const SECRET = 'a text that only the teacher has'

/** Bodies of functions that return true if they succeed. `own` is the driver's directory. */
const ESCAPES: Readonly<Record<string, string>> = {
  'write beside the driver': "fs.writeFileSync(own + '/made', ''); return true",
  'write into the directory of all students':
    "fs.writeFileSync(own + '/../../made', ''); return true",
  'read a driver of another student':
    "return fs.readFileSync(own + '/../../bob/02-mirror/mirror.js', 'utf8') !== ''",
  'write into /tmp': "fs.writeFileSync('/tmp/vnet-escape', ''); return true",
  'write into the home directory': 'fs.writeFileSync(home, ""); return true',
  'write by a symbolic link':
    "fs.symlinkSync('/tmp', '/run/link'); fs.writeFileSync('/run/link/x', ''); return true",
  'remove a file': "fs.rmSync(own + '/package.json'); return true",
  'change the mode of a file': "fs.chmodSync(own + '/package.json', 0o777); return true",
  'set a setting of the kernel': "fs.writeFileSync('/proc/sys/kernel/hostname', 'x'); return true",
  'write into /sys': "fs.writeFileSync('/sys/kernel/profiling', '1'); return true",
  'open a device': "fs.openSync('/dev/mem', 'r'); return true",
  'make a device':
    "child.execSync('mknod /run/disk b 254 0 && head -c 1 /run/disk', { stdio: 'ignore' }); return true",
  'read the environment of the teacher': `return JSON.stringify(process.env).includes(${JSON.stringify(SECRET)})`,
  'read the environment of another process': `return fs.readdirSync('/proc').filter(name => /^\\d+$/.test(name))
    .some(pid => fs.readFileSync('/proc/' + pid + '/environ', 'utf8').includes(${JSON.stringify(SECRET)}))`,
  'see a process outside': "return fs.readdirSync('/proc').includes(String(outside))",
  'signal a process outside': 'process.kill(outside, 0); return true',
  'connect to a server outside': `return new Promise(done => net.connect(port, '127.0.0.1')
    .on('connect', () => done(true)).on('error', () => done(false)))`,
  'make a user namespace': "child.execSync('unshare -U true', { stdio: 'ignore' }); return true",
  mount: "child.execSync('mount -t tmpfs x /usr', { stdio: 'ignore' }); return true",
  'make the root writable':
    "child.execSync('mount -o remount,rw /', { stdio: 'ignore' }); return true",
  'leave the root by chroot':
    "child.execSync('chroot /proc/1/root touch /tmp/vnet-escape', { stdio: 'ignore' }); return true",
  'load a module of the kernel':
    "child.execSync('insmod /dev/null', { stdio: 'ignore' }); return true",
  'set the clock': "child.execSync('date -s 2001-01-01', { stdio: 'ignore' }); return true",
  'type into the terminal': "fs.openSync('/dev/tty', 'r+'); return true",
  'use a socket of a daemon': "return fs.readdirSync('/run').some(name => name.includes('sock'))",
}

/** Reading, and Node's modules inside of the confinement. */
const READS: Readonly<Record<string, string>> = {
  'read the solution': `return fs.readFileSync(${JSON.stringify(join(COURSE, '02-mirror/solution.js'))}, 'utf8') !== ''`,
  'start a program': "return child.execSync('echo 1', { encoding: 'utf8' }) === '1\\n'",
  'start a thread':
    "return new (await import('node:worker_threads')).Worker('0', { eval: true }) !== undefined",
  'listen on a socket': "net.createServer().listen('/run/own'); return true",
  'import a data: URL':
    "return (await import('data:text/javascript,export default 5')).default === 5",
  'require a module':
    "const { createRequire } = await import('node:module'); return createRequire(own + '/x')('fs') !== undefined",
  'run code in another context': "return (await import('node:vm')).runInNewContext('5') === 5",
  'use the inspector': "return new (await import('node:inspector')).Session() !== undefined",
  'use a binding of Node': "return process.binding('fs') !== undefined",
  'open a file by the class of a stream':
    "return new process.stdin.constructor('/etc/hostname') !== undefined",
  'connect by the class of a stream': 'return new process.stdout.constructor() !== undefined',
  'load a native addon': "process.dlopen({ exports: {} }, '/nowhere.node')",
  'import a symbolic link out of its directory':
    "return (await import(own + '/link.js')) !== undefined",
}

/** A program that tries all of them, and has the names of successful ones in `succeeded`. */
const attempts = (port: number) => `
const own = ${JSON.stringify(own)}, home = ${JSON.stringify(HOME_FILE)}
const [port, outside] = [${port}, ${process.pid}]
const { default: fs } = await import('node:fs').catch(() => ({}))
const { default: net } = await import('node:net').catch(() => ({}))
const { default: child } = await import('node:child_process').catch(() => ({}))
const succeeded = []
const all = { ${Object.entries({ ...ESCAPES, ...READS })
  .map(([title, code]) => `${JSON.stringify(title)}: async () => { ${code} }`)
  .join(',\n')} }
for (const [title, attempt] of Object.entries(all)) {
  try { if (await attempt()) succeeded.push(title) } catch {}
}
`

const server = createServer()
let port = 0

beforeAll(async () => {
  for (const student of ['eve', 'bob']) {
    mkdirSync(join(directory, student, '02-mirror'), { recursive: true })
  }
  writeFileSync(join(directory, 'bob/02-mirror/mirror.js'), 'export const driver = 1')
  symlinkSync('../../bob/02-mirror/mirror.js', join(own, 'link.js'))
  writeFileSync(join(own, 'package.json'), '{ "type": "module" }')
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  port = (server.address() as AddressInfo).port
  vi.stubEnv('VNET_TEST_SECRET', SECRET)
})

afterAll(async () => {
  vi.unstubAllEnvs()
  await new Promise(done => server.close(done))
})

/** The names of the attempts that succeed without the sandbox. */
function succeededIn(command: readonly string[]): string[] {
  const [program = '', ...args] = command
  const { PATH, HOME } = process.env
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env: { PATH, HOME } })
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

const allowed = Object.keys(READS)

test.each([
  ['in memory', (command: string[]) => confined(command, 'none')],
  ['on live interfaces', (command: string[]) => confined(networkOnly(command), 'all')],
])(
  'a check %s holds all escapes without the sandbox, but reading and programs inside',
  (_, within) => {
    const script = join(own, 'escapes.js')
    writeFileSync(
      script,
      `${attempts(port)}\nconsole.log(JSON.stringify(succeeded))\nprocess.exit(0)`,
    )
    // Directories of arguments are visible inside, also if the clone is below /tmp.
    const succeeded = succeededIn(within([process.execPath, script, COURSE]))
    expect(succeeded.filter(title => !allowed.includes(title))).toEqual([])
    expect(succeeded).toEqual(expect.arrayContaining(['read the solution']))
  },
)

test.each(['memory', 'live'] as const)(
  'a check in %s holds all escapes with the sandbox',
  async where => {
    const file = join(own, 'mirror.js')
    const solution = readFileSync(join(COURSE, '02-mirror/solution.js'), 'utf8')
    writeFileSync(
      file,
      `${attempts(port)}\nif (succeeded.length > 0) throw new Error(succeeded.join(', '))\n${solution}`,
    )
    const results: Result[] = []
    const add = (result: Result) => results.push(result)
    await runWorker(await exerciseOf('02-mirror'), where, file, add, () => {}, { isConfined: true })
    expect(results.filter(({ result }) => result !== 'passed')).toEqual([])
  },
)
