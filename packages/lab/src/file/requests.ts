/**
 * Requests to a running lab as lines of JSON, for programs in other languages (`vnet lab --json`):
 * `{"id": 1, "method": "exec", "params": {...}}`. The response has `result` or `error`.
 */

import type { Interface } from 'node:readline'
import { UsageError } from 'vnet'
import { statusOf } from 'vnet/kit/cli'
import { ConfigFile, schema } from 'vnet/kit/config'
import { WHOLE_NUMBER } from '../model/options.ts'
import type { FileLab } from './file-lab.ts'
import {
  acceptKeys,
  type FaultEntry,
  faultSchema,
  link as linkName,
  programKeys,
  serviceKeys,
  switchKeys,
  text,
} from './schema.ts'
import { wordsOf } from './service.ts'

interface Method<P = never> {
  readonly params: schema.Schema
  call(lab: FileLab, params: P): Promise<unknown>
}

const method = <P>(
  params: schema.Typed<P>,
  call: (lab: FileLab, params: P) => Promise<unknown>,
): Method => ({
  params,
  call: call as Method['call'],
})

const hostName = schema.anyText
const ofLink = schema.object({ link: linkName }, 'link')
const number = schema.integer(1, Number.MAX_SAFE_INTEGER)
const ofFault = schema.object({ fault: number, wait: schema.integer(1, 0xffff_ffff) }, 'fault')
const milliseconds = schema.integer(0, 0xffff_ffff, 'a whole number of milliseconds')
const forTime = schema.object(
  { link: linkName, ms: milliseconds, direction: schema.oneOf('ab', 'ba') },
  'link',
  'ms',
)
const wires = schema.either(
  schema.anyText,
  schema.object({ ab: schema.anyText, ba: schema.anyText }),
)

export const METHODS: Readonly<Record<string, Method>> = {
  exec: method(
    schema.object(
      {
        ...programKeys,
        host: hostName,
        input: schema.about('Written to its standard input.', schema.anyText),
      },
      'host',
      'command',
    ),
    async (lab, { host, command, input, env, cwd }) => {
      const [program, ...args] = wordsOf(command)
      const options = {
        env: { ...process.env, ...lab.env, ...env },
        ...(cwd !== undefined && { cwd }),
      }
      const ended = await lab
        .host(host)
        .exec(program, args, { ...options, ...(input !== undefined && { input }) })
      const { status, signal, stdout, stderr } = ended
      return { status: statusOf(status, signal), stdout, stderr }
    },
  ),
  run: method(
    schema.object({ ...serviceKeys, host: hostName }, 'host', 'command'),
    (lab, { host, ...service }) => lab.run(host, service),
  ),
  wire: method(
    schema.object({ link: linkName, wire: wires }, 'link', 'wire'),
    async (lab, { link, wire }) => {
      await lab.link(link).wire(wire)
    },
  ),
  cut: method(ofLink, (lab, { link }) => lab.link(link).down()),
  plug: method(ofLink, (lab, { link }) => lab.link(link).up()),
  partition: method(forTime, (lab, { link, ms, direction }) => {
    const cut = lab.link(link)
    return (direction === undefined ? cut : cut[direction]).partition(ms)
  }),
  offline: method(
    schema.object({ link: linkName, ms: milliseconds }, 'link', 'ms'),
    (lab, { link, ms }) => lab.link(link).offline(ms),
  ),
  accept: method(acceptKeys, (lab, params) => lab.change({ accept: params })),
  switch: method(switchKeys, (lab, params) => lab.change({ switch: params })),
  fault: method(faultSchema, async (lab, entry: FaultEntry) => ({
    fault: await lab.addFault(entry),
  })),
  hits: method(ofFault, async (lab, { fault, wait }) => {
    const found = numbered('fault', lab.faults, fault).fault
    if (wait !== undefined) {
      await found.hit(wait)
    }
    return { hits: found.hits }
  }),
  remove: method(schema.object({ fault: number }, 'fault'), (lab, { fault }) =>
    numbered('fault', lab.faults, fault).fault.remove(),
  ),
  stats: method(ofLink, async (lab, { link }) => {
    const found = lab.link(link)
    return { ...(await found.stats()), lateness: await found.lateness() }
  }),
  counters: method(schema.object({ host: hostName }, 'host'), async (lab, { host }) =>
    lab.counters(host),
  ),
  rebind: method(schema.object({ router: hostName }, 'router'), (lab, { router }) =>
    lab.router('rebind', router).rebind(),
  ),
  forward: method(
    schema.object(
      { router: hostName, from: schema.anyText, to: schema.anyText },
      'router',
      'from',
      'to',
    ),
    (lab, params) => {
      return lab.router('forward', params.router).forward(params.from, params.to)
    },
  ),
  capture: method(schema.object({ link: linkName, file: text }, 'link'), (lab, { link, file }) =>
    lab.capture(link, file),
  ),
  stop: method(schema.object({ capture: number }, 'capture'), (lab, { capture }) =>
    numbered('capture', lab.captured, capture)(),
  ),
  reset: method(
    schema.object({ seed: WHOLE_NUMBER.schema as schema.Typed<number> }),
    (lab, { seed }) => lab.reset(seed),
  ),
}

/** Returns the element of a number, from 1. Throws a UsageError. */
function numbered<T>(what: string, all: readonly T[], n: number): T {
  const found = all[n - 1]
  if (found === undefined) throw new UsageError(`there is no ${what} ${n}: there are ${all.length}`)
  return found
}

/** The first message to a client: the hosts with their addresses, and the names of the links. */
export function greeting({ name: lab, hosts, links }: FileLab): object {
  const entries = hosts.map(host => {
    const interfaces = host.interfaces.map(({ name, addresses }) => ({ name, addresses }))
    return [host.name, { netns: host.path.replace('self', String(process.pid)), interfaces }]
  })
  return { event: 'ready', lab, hosts: Object.fromEntries(entries), links }
}

/** Milliseconds that requests have to finish after the end of the lines. */
const LAST_REQUESTS_MS = 60_000

/**
 * Serves requests, one a line, and calls `print` with each response. Settles on the request `end`.
 * At the end of the lines it settles when the pending requests have finished, or `limit`
 * milliseconds later.
 */
export function serveLines(
  lab: FileLab,
  lines: Interface,
  print: (response: object) => void,
  limit = LAST_REQUESTS_MS,
): Promise<void> {
  const pending = new Set<Promise<void>>()
  return new Promise(resolve => {
    lines.on('line', line => {
      const request = serve(lab, line).then(response => {
        pending.delete(request)
        if (response === undefined) {
          resolve()
        } else {
          print(response)
        }
      })
      pending.add(request)
    })
    lines.on('close', () => {
      void Promise.all(pending).then(() => resolve())
      setTimeout(resolve, limit).unref()
    })
  })
}

async function serve(lab: FileLab, line: string): Promise<object | undefined> {
  let id: unknown = null
  try {
    const request: unknown = JSON.parse(line)
    const {
      id: given = null,
      method: methodName,
      params = {},
      ...more
    } = Object(request) as Record<string, unknown>
    id = given
    const [unknown] = Object.keys(more)
    if (unknown !== undefined) {
      throw new UsageError(`${unknown}: a request has id, method and params`)
    }
    if (methodName === 'end') return undefined
    const found =
      typeof methodName === 'string' && Object.hasOwn(METHODS, methodName)
        ? METHODS[methodName]
        : undefined
    if (found === undefined) {
      throw new UsageError(
        `method: expected ${Object.keys(METHODS).join(', ')} or end, got ${JSON.stringify(methodName)}`,
      )
    }
    const checked = new ConfigFile(undefined).read(JSON.stringify(params), found.params)
    return { id, result: (await found.call(lab, checked as never)) ?? {} }
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) }
  }
}
