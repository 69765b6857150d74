/** The tables of keys of files that a JSON Schema describes. */
import { cell, linked, table } from '../blocks.mjs'

/** Below this, a limit is one that a user may meet. */
const HUGE = 2 ** 32

/**
 * Returns the table of the keys of an object. Throws if one has no description, if its default does
 * not end with a full stop, or if its type has no name here.
 *
 * @param {{ properties: object, required?: readonly string[] }} schema
 */
export function keysTable({ properties, required = [] }, path = '') {
  const keys = Object.entries(properties).filter(([key]) => key !== '$schema')
  const isAsked = ([key]) => required.includes(key)
  const rows = [...keys.filter(isAsked), ...keys.filter(each => !isAsked(each))].map(
    ([key, schema]) => {
      if (schema.description === undefined) throw new Error(`${path}${key} has no description`)
      const [, what, absent = ''] = /^(.*?)(?: ?Default: (.*)\.)?$/.exec(schema.description)
      if (what.includes('Default:')) throw new Error(`${path}${key}: its default ends without '.'`)
      const asked = isAsked([key]) ? 'required' : absent
      return [`\`${key}\``, cell(wordsFor(schema)), cell(asked), cell(what)]
    },
  )
  return table(['key', 'value', 'default', 'what it is'], rows)
}

/** Returns the keys of the object that a schema has below a path: `routers.*`, `faults.*`. */
export function objectAt(schema, path) {
  const found = path
    .split('.')
    .filter(Boolean)
    .reduce((each, key) => next(each, key), schema)
  return alternatives(found).find(({ properties }) => properties !== undefined)
}

function next(schema, key) {
  const all = alternatives(schema)
  const found =
    key === '*'
      ? all.flatMap(({ items, additionalProperties }) => items ?? (additionalProperties || []))
      : all.flatMap(({ properties = {} }) => properties[key] ?? [])
  if (found.length === 0) throw new Error(`the schema has no ${key}`)
  return found[0]
}

const alternatives = schema => schema.anyOf?.flatMap(alternatives) ?? [schema]

/** Returns the name of the values of a schema: `a list: an IPv4 address`. */
function wordsFor(schema) {
  const { type, title, enum: words, anyOf, items, properties, additionalProperties } = schema
  if (anyOf !== undefined) return eitherOf(anyOf)
  if (words !== undefined) return words.map(word => `\`${word}\``).join(', ')
  if (items !== undefined) return `a list${ofWhat(items)}`
  if (properties !== undefined) return objectOf(Object.keys(properties))
  if (additionalProperties) return `a mapping${ofWhat(additionalProperties)}`
  if (type === 'boolean') return '`true`, `false`'
  if (type === 'null') return '`null`'
  if (type === 'integer') return integerOf(schema)
  if (title === undefined && type !== 'string') throw new Error(`the type ${type} needs a title`)
  return title ?? 'text'
}

function eitherOf(schemas) {
  const [one, other] = schemas
  if (
    schemas.length === 2 &&
    other.items !== undefined &&
    wordsFor(one) === wordsFor(other.items)
  ) {
    return `${wordsFor(one)}, or a list`
  }
  return [...new Set(schemas.map(wordsFor))].join(' or ')
}

/** Objects with many keys have a table of their own. */
const objectOf = keys => (keys.length > 4 ? 'the keys below' : `\`{ ${keys.join(', ')} }\``)

const ofWhat = schema =>
  alternatives(schema).some(({ properties }) => properties) ? '' : `: ${wordsFor(schema)}`

function integerOf({ title = 'a whole number', minimum = 0, maximum = HUGE }) {
  if (maximum < HUGE - 2) return `${title} from ${minimum} to ${maximum}`
  return title === 'a whole number' && minimum > 0 ? `${title} of at least ${minimum}` : title
}

/**
 * Returns the table of a whole file, and below it those of objects in it, each with its text.
 * `leftOut` are keys that another page has.
 */
function tablesOf(schema, objects, leftOut = {}) {
  const tables = Object.entries(objects).map(([path, text]) => {
    const object = objectAt(schema, path)
    const own = Object.entries(object.properties).filter(([key]) => !leftOut[path]?.includes(key))
    return `${text}\n\n${keysTable({ ...object, properties: Object.fromEntries(own) }, `${path}.`)}`
  })
  return [keysTable(schema), ...tables].join('\n\n')
}

/** The keys of packages/lan/docs/lan-config.md. */
export const lanKeys = ({ lanSchema }) =>
  linked(
    tablesOf(lanSchema, {
      gateway: 'Keys of `gateway`:',
      'hosts.*': 'Keys of each of `hosts`:',
      'hosts.*.ports.*': 'Keys of each of `ports`:',
      dhcp: 'Keys of `dhcp`:',
      'dhcp.reservations.*': 'Keys of each of `reservations`:',
      'dhcp.boot': 'Keys of `boot`:',
      dns: 'Keys of `dns`:',
      ra: 'Keys of `ra`:',
    }),
    { 'an uplink': 'lan.md#real-hosts-on-the-segment' },
  )

/** The keys of packages/lab/docs/lab.md. */
export const labKeys = ({ labSchema }, { lanSchema }) =>
  linked(
    tablesOf(
      labSchema,
      {
        'routers.*': 'Keys of each of `routers`:',
        'cables.*': 'Keys of each of `cables`:',
        'lans.*': 'Keys of each of `lans`, besides the keys of a file of vnet lan:',
        'run.*': 'Keys of each program of `run`:',
        'faults.*': 'Keys of each of `faults`:',
        'scenario.*': 'Keys of each step of `scenario`:',
      },
      { 'lans.*': Object.keys(lanSchema.properties) },
    ),
    {
      "each link's own": '../../../docs/seeds.md#where-the-seed-is-shown',
      'stages of your own': '../../../docs/write-a-wire.md#use-it-by-name',
      'disk of each host': 'nemesis.md#the-disk',
      'The options of a kind of network': 'testing-nat.md#presets',
      'How addresses inside are translated': 'testing-nat.md',
      'Which packets pass': 'testing-nat.md#firewalls',
      'a file of vnet lan': '../../lan/docs/lan-config.md',
      'Changes of links': '../../../docs/wires-time.md#over-time',
    },
  )
