/** `vnet lab list`, `exec` and `shell`: the labs that run, and programs in their hosts. */
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { ECONNREFUSED, isErrno, UsageError } from 'vnet'
import { ControlClient } from 'vnet/control'
import {
  alignLeft,
  checkUser,
  EXIT_OK,
  enterUserNamespace,
  fail,
  type Io,
  passSignals,
  statusOf,
} from 'vnet/kit/cli'
import { otherUserLine, otherUsers } from 'vnet/kit/control'
import { closing, loadNative, whyNotLinux } from 'vnet/kit/linux'
import { makeLabDirectory } from '../kernel/leftovers.ts'
import { Programs } from '../kernel/programs.ts'
import { addressVariables, type Host, HostsFile } from '../model/hosts.ts'
import { terminalStreams } from '../run/run-command.ts'
import {
  checkOwner,
  findHost,
  openHost,
  type RunningLab,
  readHosts,
  runningLabs,
} from './running-labs.ts'

interface LabsOptions {
  /** Look for the labs of this user, instead of root's and the caller's. */
  readonly user: number | undefined
}

/**
 * `vnet lab list`: prints the running labs, or with `json` one line for a program. Other users with
 * vnets, which only root finds, are named on standard error. Returns EXIT_OK, also without a lab;
 * off Linux it returns the status of a failure.
 */
export function listLabs(
  { json, user }: LabsOptions & { readonly json: boolean | undefined },
  io: Io,
): number {
  checkUser(user)
  const why = whyNotLinux()
  if (why !== undefined) return fail(io, why)
  const labs = runningLabs(user)
  const users = user === undefined ? otherUsers() : []
  const links = ({ hosts }: RunningLab) =>
    [...hosts].flatMap(([host, all]) => all.map(({ name }) => `${host}/${name}`))
  if (json) {
    const found = labs.map(lab => ({
      name: lab.name,
      pid: lab.pid,
      hosts: [...lab.hosts.keys()],
      links: links(lab),
    }))
    io.out(`${JSON.stringify({ event: 'labs', labs: found, users })}\n`)
    return EXIT_OK
  }
  const rows = labs.map(lab => [lab.name, `${lab.pid}`, [...lab.hosts.keys()].join(' ')])
  for (const line of alignLeft([['lab', 'pid', 'hosts'], ...rows])) {
    io.out(`${line}\n`)
  }
  for (const other of users) {
    fail(io, otherUserLine(other, 'lab list'))
  }
  return EXIT_OK
}

/**
 * `vnet lab exec [LAB:]HOST -- COMMAND`: runs a program in a host of a running lab, until it or the
 * lab ends. Returns its exit status, or 128 plus the number of the signal that ended it. Returns
 * the status of a failure off Linux, and if no host, or more than one, has the name.
 */
export async function execInHost(
  text: string,
  command: readonly string[],
  { user }: LabsOptions,
  io: Io,
): Promise<number> {
  checkUser(user)
  if (command.join().includes('VNET_DISK')) {
    throw new UsageError('a program that joins a lab does not see $VNET_DISK')
  }
  const why = whyNotLinux()
  if (why !== undefined) return fail(io, why)
  const found = findHost(text, user)
  if (typeof found === 'string') return fail(io, found)
  checkOwner(found)
  // A thread returns only to a network namespace that belongs to its user namespace.
  enterUserNamespace(found.lab.pid, '-n')
  const native = loadNative()
  const directory = makeLabDirectory()
  try {
    const hosts = readHosts(native, found.lab)
    const files = new HostsFile({ directory })
    files.add(...hosts)
    const etc = files.etcOf(hosts.find(({ name }) => name === found.host) as Host)
    const env = { ...process.env, VNET_LAB: found.lab.id, ...addressVariables(hosts) }
    const [program = '', ...args] = command[0] === '--' ? command.slice(1) : command
    const child = closing(native, openHost(native, found), nsfd =>
      new Programs({ nsfd, etc: () => etc }).spawn(program, args, {
        env,
        stdio: terminalStreams(args),
      }),
    )
    const undo = passSignals(io, received => child.kill(received))
    const exit = once(child, 'exit').finally(undo)
    using client = new ControlClient(native, { user: found.lab.uid })
    void ended(client, found.lab).then(() => child.kill('SIGKILL'))
    const [status, signal] = (await exit) as [number | null, NodeJS.Signals | null]
    return statusOf(status, signal)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Settles when no link of the lab is left. */
async function ended(client: ControlClient, { vnet, hosts }: RunningLab): Promise<void> {
  const own = new Set(
    [...hosts.values()].flatMap(interfaces => interfaces.map(({ netns }) => netns)),
  )
  await new Promise<void>(resolve => {
    const isGone = (error: unknown) => {
      // A lab that does not reply may be stopped in a debugger.
      if (isErrno(error, ECONNREFUSED)) {
        resolve()
      }
    }
    const check = async () => {
      const devices = await client.devices(vnet)
      if (!devices.some(({ netns }) => own.has(netns))) {
        resolve()
      }
    }
    const onEvent = () => void check().catch(isGone)
    const listen = async () => {
      const subscription = await client.subscribe(vnet, onEvent, { events: ['unregistered'] })
      await check()
      await subscription.ended
      resolve()
    }
    listen().catch(isGone)
  })
}
