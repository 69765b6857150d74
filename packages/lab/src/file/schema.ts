/**
 * The file of `vnet lab`, described once as JSON Schema: the topology of lab.topology, and the
 * programs, faults and scenario in it. The options of routers, cables, segments and faults are from
 * the tables that the lab checks them with. packages/lab/docs/lab.schema.json is made from it
 * (scripts/generate-schemas.mjs).
 */
import { lanSchema } from '@vnet/lan/kit'
import { schema } from 'vnet/kit/config'
import { scenarioOfSteps, stepKeys } from 'vnet/kit/wire'
import type { Direction, FaultAction, FaultWhen } from 'vnet/wire'
import { type Form, SIZE, schemaOf, WHOLE_NUMBER } from '../model/options.ts'
import { LAN_OPTIONS } from '../network/lan.ts'
import { ACTION, FILTER, WHEN } from '../network/link.ts'
import { CABLE_OPTIONS } from '../network/links.ts'
import { ROUTER_OPTIONS } from '../network/router.ts'
import type { CableEntry, LanEntry, RouterEntry } from '../network/topology.ts'

export const text = schema.string('text', { pattern: '.' })
const name = schema.string('the name of a host', { pattern: '^[A-Za-z0-9-]+$' })
const names = schema.list(name)
export const link = schema.string('a link: the name of a cable, ROUTER/HOST or LAN/HOST', {
  pattern: '.',
})

const options = <T>(
  forms: object,
  own: Readonly<Record<string, schema.Schema>>,
  ...required: string[]
) =>
  ({
    ...schemaOf(forms as Readonly<Record<string, Form>>, own),
    ...(required.length > 0 && { required }),
  }) as schema.Typed<T>

const router = options<RouterEntry>(ROUTER_OPTIONS, { inside: names, outside: name })
const cable = options<CableEntry>(CABLE_OPTIONS, { ends: names }, 'ends')
const { $schema: _, ...segment } = lanSchema.properties as Readonly<Record<string, schema.Schema>>
const lan = options<LanEntry>(LAN_OPTIONS, { ...segment, ports: names }, 'ports')

export const programKeys = {
  command: schema.about(
    'Text for sh, or a list of the program and its arguments.',
    schema.either(text, { ...schema.list(schema.anyText), minItems: 1 }),
  ),
  env: schema.about('Variables of its environment.', schema.record(schema.anyText)),
  cwd: schema.about('The directory in which it starts. Default: that of vnet.', text),
}
export const serviceKeys = {
  ...programKeys,
  ready: schema.about(
    'It is ready when a line that it prints contains this. Default: when it has started.',
    text,
  ),
  restart: schema.about(
    'Whether it is started again, 1 s after its end. Default: false.',
    schema.flag,
  ),
}
const serviceSchema = schema.object(serviceKeys, 'command')
export type Service = schema.TypeOf<typeof serviceSchema>

/** A fault of a lab file or of a request, with the names that the file uses. */
export interface FaultEntry extends FaultWhen {
  readonly link: string
  readonly direction: Direction
  readonly action: FaultAction
  readonly filter?: string
}
export const faultSchema = options<FaultEntry>(
  { ...WHEN, action: ACTION, filter: FILTER },
  { link, direction: schema.oneOf('ab', 'ba') },
  'link',
  'direction',
  'action',
)

/** The params of changes of hosts, in requests and in steps. */
export const acceptKeys = schema.object({ router: name, host: name }, 'router', 'host')
export const switchKeys = schema.object({ host: name, uplink: name }, 'host', 'uplink')

const step = schema.object(
  {
    ...stepKeys,
    link: schema.about('The link that `wire` and `carrier` change.', link),
    accept: schema.about('The captive portal of `router` accepts the host.', acceptKeys),
    switch: schema.about('Makes the router `uplink` the only uplink of the host.', switchKeys),
  },
  'at',
)
/** The scenario of a lab, in its file or in a file of its own. */
export const labScenario = scenarioOfSteps(step)
export type Step = schema.TypeOf<typeof step>
export type HostChanges = Pick<Step, 'accept' | 'switch'>

export const labSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'a lab of vnet',
  ...schema.object(
    {
      $schema: schema.anyText,
      seed: schema.about(
        'The seed of all random decisions. Default: 1.',
        WHOLE_NUMBER.schema as schema.Typed<number>,
      ),
      stages: schema.about(
        'JavaScript files whose exported functions are stages. Relative to this file.',
        schema.list(text),
      ),
      capture: schema.about('Whether all links are recorded. Default: false.', schema.flag),
      hosts: schema.about('The hosts.', { ...names, minItems: 1, maxItems: 1000 }),
      routers: schema.about(
        'Each may be joined to hosts, and to routers above it.',
        schema.record(router),
      ),
      cables: schema.about('Links between two hosts or routers.', schema.record(cable)),
      lans: schema.about('Segments with a gateway, DHCP and DNS.', schema.record(lan)),
      disk: schema.about(
        'The size of the disk of each host, which programs find in $VNET_DISK. Default: 64MiB, only for programs whose command names $VNET_DISK.',
        SIZE.schema,
      ),
      run: schema.about(
        'Programs that run all the time, by their hosts.',
        schema.record(schema.oneOrMore(serviceSchema)),
      ),
      faults: schema.about(
        'Faults, which are set before the programs start.',
        schema.list(faultSchema),
      ),
      scenario: schema.about(
        'Changes of links and hosts at set times. Time 0 is when all programs are ready.',
        labScenario,
      ),
    },
    'hosts',
  ),
}

export type LabFile = schema.TypeOf<typeof labSchema>
