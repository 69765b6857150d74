/**
 * A lab kills its own programs and no others: strangers cannot have it kill theirs, and a program
 * cannot hide.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { createLab } from '../../../src/index.ts'
import { removeLeftovers } from '../../../src/kernel/leftovers.ts'
import { isAlive } from '../../../src/kernel/processes.ts'
import { useTmpdir } from '../../support/own-tmpdir.ts'

/** Called after /proc was listed, before anything is done with the list. */
const afterListing = vi.hoisted(() => ({ run: () => {} }))

vi.mock('node:fs', async original => {
  const fs = await original<typeof import('node:fs')>()
  const readdirSync = (path: string, ...rest: []) => {
    const names = fs.readdirSync(path, ...rest)
    if (path === '/proc') {
      afterListing.run()
    }
    return names
  }
  return { ...fs, readdirSync, default: fs }
})

const directory = freshDirectory()
useTmpdir(directory)
afterEach(() => {
  afterListing.run = () => {}
})

/** Makes what a lab leaves that was killed. Returns its name. */
function leftover(): string {
  const { pid } = spawnSync('true')
  const name = `vnet-lab-${statSync('/proc/self/ns/pid').ino}-${pid}-abcdef`
  mkdirSync(join(directory, name, 'client'), { recursive: true })
  chmodSync(join(directory, name), 0o700)
  return name
}

/**
 * Starts a process in a mount namespace of its own, in which `script` mounts something. It prints
 * what it reads.
 */
async function bystander(script: string): Promise<ChildProcess> {
  const words = ['-m', 'sh', '-ec', `${script}\nexec cat`]
  const child = spawn('unshare', words, { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdout.setEncoding('utf8')
  expect(await answer(child)).toBe('there')
  return child
}

/** Returns 'there' once the process has printed what it was sent, or 'ended' if it ended. */
function answer(child: ChildProcess): Promise<string> {
  child.stdin!.on('error', () => {})
  child.stdin!.write('there')
  return Promise.race([
    once(child.stdout!, 'data').then(String),
    once(child, 'exit').then(() => 'ended'),
  ])
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) {
    await once(child, 'exit')
  }
}

/**
 * Mounts that a user may make, visible to every process of the machine; NAME is the directory's
 * name.
 */
const FORGERIES = {
  'a mount point with the name of a lab':
    'mkdir -p $D/home/NAME/x; mount -t tmpfs none $D/home/NAME/x',
  'a file of /etc whose path ends as that of a lab':
    'mkdir -p $D/home/NAME/client; touch $D/home/NAME/client/hosts; mount --bind $D/home/NAME/client/hosts /etc/hosts',
  'the path of a lab on another file system': `
    mkdir $D/other; mount -t tmpfs none $D/other; root=$(stat -c %m $D); path=\${D#"\${root%/}"}
    own=$D/other/$path/NAME/client; mkdir -p $own; touch $own/hosts; mount --bind $own/hosts /etc/hosts`,
  'a file of the lab outside of /etc': `
    touch $D/NAME/client/hosts $D/file; mount --bind $D/NAME/client/hosts $D/file`,
}

test.each(Object.entries(FORGERIES))(
  '%s does not make a process a program of the lab',
  async (_, script) => {
    const name = leftover()
    const child = await bystander(`D=${directory}\n${script.replaceAll('NAME', name)}`)
    try {
      removeLeftovers()
      expect(existsSync(join(directory, name))).toBe(false)
      expect(await answer(child)).toBe('there')
    } finally {
      await end(child)
    }
  },
)

test('a process that sees a lab’s hosts file as /etc/hosts is killed with the lab’s leftovers', async () => {
  const name = leftover()
  const file = join(directory, name, 'client', 'hosts')
  const child = await bystander(`touch ${file}; mount --bind ${file} /etc/hosts`)
  try {
    removeLeftovers()
    await expect.poll(() => child.signalCode).toBe('SIGKILL')
  } finally {
    await end(child)
  }
})

test("the children of a program that itself enters the machine's namespaces end with the lab", async () => {
  await using lab = await createLab()
  const [host] = lab.hosts('host')
  const ns = `/proc/${process.pid}/ns`
  const script = 'sleep 1000 >/dev/null 2>&1 & echo $!; wait'
  const child = host.spawn('nsenter', [`--net=${ns}/net`, `--mount=${ns}/mnt`, 'sh', '-c', script])
  const [line] = await once(child.stdout!.setEncoding('utf8'), 'data')
  await lab.close()
  await expect.poll(() => isAlive(Number(line))).toBe(false)
})

test.each([
  ['a network namespace of its own', 'setsid unshare -n sleep 1000 & echo $!'],
  ['network and mount namespaces of its own', 'setsid unshare -nm sleep 1000 & echo $!'],
  ['another root directory', 'setsid chroot / sleep 1000 & echo $!'],
  [
    'the namespaces of the machine while its parent runs',
    `
    setsid nsenter --net=$NET --mount=$MNT sleep 1000 & echo $!; exec sleep 1000`,
  ],
])('a program that enters %s ends with the lab', async (_, script) => {
  await using lab = await createLab()
  const [host] = lab.hosts('host')
  const env = {
    ...process.env,
    NET: `/proc/${process.pid}/ns/net`,
    MNT: `/proc/${process.pid}/ns/mnt`,
  }
  const child = host.spawn('sh', ['-c', script.replaceAll('1000 &', '1000 >/dev/null 2>&1 &')], {
    env,
  })
  const [line] = await once(child.stdout!.setEncoding('utf8'), 'data')
  const pid = Number(line)
  expect(isAlive(pid)).toBe(true)
  await lab.close()
  await expect.poll(() => isAlive(pid)).toBe(false)
})

/** Returns the running processes with this argument. */
function processesOf(argument: string): number[] {
  return readdirSync('/proc')
    .filter(isNumber)
    .map(Number)
    .filter(pid => {
      try {
        return (
          readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').includes(argument) &&
          isAlive(pid)
        )
      } catch {
        return false
      }
    })
}

const isNumber = (text: string) => /^\d+$/.test(text)

test('a daemon of a program that runs again while programs are killed ends with the lab', async () => {
  const mark = `1000.${process.pid}`
  await using lab = await createLab()
  const [host] = lab.hosts('host')
  const script = `trap 'setsid -f sleep ${mark}' HUP; echo $$; exec >&- 2>&-; read line <${fifo()}`
  const child = host.spawn('setsid', ['-f', 'sh', '-c', script])
  const [line] = await once(child.stdout!.setEncoding('utf8'), 'data')
  const { kill } = process
  using _ = vi.spyOn(process, 'kill').mockImplementation((pid, signal) => {
    // The kernel does so if the group of a stopped process is orphaned when another is killed.
    if (pid === Number(line) && signal === 'SIGKILL') {
      kill(pid, 'SIGHUP')
      kill(pid, 'SIGCONT')
      while (processesOf(mark).length === 0) {
        spawnSync('true')
      }
    }
    return kill(pid, signal)
  })
  await lab.close()
  // A killed process ends when it is next on a processor.
  await expect.poll(() => processesOf(mark)).toEqual([])
})

test('the children of a program are killed before it', async () => {
  await using lab = await createLab()
  const [host] = lab.hosts('host')
  const child = host.spawn('sh', ['-c', 'sleep 1000 & echo $!; wait'])
  const [line] = await once(child.stdout!.setEncoding('utf8'), 'data')
  using kill = vi.spyOn(process, 'kill')
  await lab.close()
  const killed = kill.mock.calls.filter(([, signal]) => signal === 'SIGKILL').map(([pid]) => pid)
  expect(killed).toEqual([Number(line), child.pid])
})

test.each([
  ['starts', 'spawn'],
  ['waits for', 'spawnSync'],
])('a program that a worker of a namespace %s ends with the lab', async (_, start) => {
  const mark = `1003.${process.pid}`
  const file = join(directory, 'worker.mjs')
  writeFileSync(
    file,
    `import { ${start} } from 'node:child_process'
    ${start}('sleep', ['${mark}'], { detached: true, stdio: 'ignore' })
    setInterval(() => {}, 1000)`,
  )
  await using lab = await createLab()
  const [host] = lab.hosts('host')
  host.worker(file)
  await expect.poll(() => processesOf(mark).length).toBe(1)
  await lab.close()
  // A killed process ends when it is next on a processor.
  await expect.poll(() => processesOf(mark)).toEqual([])
})

/** Makes a fifo that programs read before they continue. */
function fifo(): string {
  const path = join(directory, 'fifo')
  spawnSync('mkfifo', [path])
  return path
}

/** Lets the programs at a fifo continue when processes are listed next, until `isDone`. */
function goOnAfterListing(path: string, isDone: () => boolean): void {
  afterListing.run = () => {
    afterListing.run = () => {}
    spawnSync('sh', ['-c', `echo >${path}`])
    while (!isDone()) {
      spawnSync('true')
    }
  }
}

test('a child that a program starts while the lab lists the processes ends with the lab', async () => {
  const mark = `1001.${process.pid}`
  const [path, done] = [fifo(), join(directory, 'done')]
  await using lab = await createLab()
  const [host] = lab.hosts('host')
  const ns = `/proc/${process.pid}/ns`
  const script = `echo ready; exec >&- 2>&-; read line <${path}; sleep ${mark} & touch ${done}; wait`
  const child = host.spawn('nsenter', [`--net=${ns}/net`, `--mount=${ns}/mnt`, 'sh', '-c', script])
  await once(child.stdout!, 'data')
  goOnAfterListing(path, () => existsSync(done))
  await lab.close()
  // A killed process ends when it is next on a processor.
  await expect.poll(() => processesOf(mark)).toEqual([])
})

test('a daemon that starts another and ends while the lab lists the processes leaves nothing', async () => {
  const mark = `1002.${process.pid}`
  const path = fifo()
  await using lab = await createLab()
  const [host] = lab.hosts('host')
  const script = `echo $$; exec >&- 2>&-; read line <${path}; setsid -f sleep ${mark}`
  const child = host.spawn('setsid', ['-f', 'sh', '-c', script])
  const ended = once(child, 'exit')
  const [line] = await once(child.stdout!.setEncoding('utf8'), 'data')
  await ended
  goOnAfterListing(path, () => !isAlive(Number(line)))
  await lab.close()
  // A killed process ends when it is next on a processor.
  await expect.poll(() => processesOf(mark)).toEqual([])
})

/** Runs a program of Node.js by a command. Returns what it prints. */
function run(command: string, words: readonly string[], script: string): string {
  const module = new URL('../../../dist/kernel/processes.js', import.meta.url).href
  const program = `import { isAlive, killProcesses } from '${module}'\n${script}`
  const env = { ...process.env, PROGRAM: program }
  const { stdout, stderr } = spawnSync(command, words, { env, encoding: 'utf8' })
  expect(stderr).toBe('')
  return stdout
}

const NODE = `${process.execPath} --input-type=module -e "$PROGRAM"`

test('in a PID namespace with another namespace’s /proc, only the known children are killed', () => {
  const script = `
    import { spawn } from 'node:child_process'
    import { openSync } from 'node:fs'
    const child = spawn('sleep', ['1000'])
    const { kill } = process
    const killed = new Set()
    process.kill = pid => killed.add(pid) !== undefined
    killProcesses({ namespaces: [openSync('/proc/self/ns/net')], children: [child.pid] })
    process.kill = kill
    console.log(killed.size, killed.has(child.pid))
    child.kill('SIGKILL')`
  expect(run('unshare', ['--pid', '--fork', 'sh', '-c', NODE], script)).toBe('1 true\n')
})

test('a process that /proc hides is alive', () => {
  const user = 'setpriv --reuid 65534 --regid 65534 --clear-groups'
  const words = ['-m', 'sh', '-ec', `mount -t proc -o hidepid=2 proc /proc; exec ${user} ${NODE}`]
  expect(run('unshare', words, `console.log(isAlive(${process.pid}))`)).toBe('true\n')
})
