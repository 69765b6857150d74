/**
 * The file of `vnet lab`, described once as JSON Schema: the topology of lab.topology, and what
 * happens in it. The options of routers, cables and segments come from the tables by which the lab
 * checks them. docs/lab.schema.json is made from it (scripts/generate-schemas.mjs).
 */
import { about, anyText, flag, list, object, record, type Schema, string, type Typed } from '../../../base/schema.ts'
import { lanSchema } from '../../../lan/config/schema.ts'
import { LAN_OPTIONS } from '../lan.ts'
import { CABLE_OPTIONS } from '../links.ts'
import { schemaOf, WHOLE_NUMBER } from '../options.ts'
import { ROUTER_OPTIONS } from '../router.ts'
import type { CableEntry, LanEntry, RouterEntry } from '../topology.ts'

const name = string('the name of a host', { pattern: '^[A-Za-z0-9-]+$' })
const names = list(name)

const seed = WHOLE_NUMBER.schema as Typed<number>
const router = schemaOf(ROUTER_OPTIONS, { inside: names, outside: name }) as Typed<RouterEntry>
const cable = { ...schemaOf(CABLE_OPTIONS, { ends: names }), required: ['ends'] } as Typed<CableEntry>
const { $schema: _, ...segment } = lanSchema.properties as Readonly<Record<string, Schema>>
const lan = { ...schemaOf(LAN_OPTIONS, { ...segment, ports: names }), required: ['ports'] } as Typed<LanEntry>

export const labSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'a lab of vnet',
  ...object(
    {
      $schema: anyText,
      seed: about('The seed of all random decisions. Default: 1.', seed),
      capture: about('Whether all links are recorded. Default: false.', flag),
      namespaces: about('The hosts.', names),
      routers: about('Each may be joined to hosts, and to routers above it.', record(router)),
      cables: about('Links between two hosts or routers.', record(cable)),
      lans: about('Segments with a gateway, DHCP and DNS.', record(lan)),
    },
    'namespaces',
  ),
}

/** The contents of a lab file, as written. */
export type LabFile = typeof labSchema extends Typed<infer T> ? T : never
