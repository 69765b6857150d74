/** Puts the functions of a driver in JavaScript beside the functions of its module in C. */

/** What both have besides functions: the patterns of its text in JavaScript and in C. */
const OTHERS = [
  [/^import /m, /^#include /m],
  [/^const params\b/m, /^module_param\(/m],
  [/@typedef .*\bPriv\b/, /^struct \w+_priv \{/m],
  [/^const \w+ = \{[\s\S]*\bndo[A-Z]/m, /^static const struct net_device_ops /m],
  [/^function init\(/m, /^static int __init \w+_module_init\(/m],
  [/^export const driver\b/m, /^module_init\(/m],
]

/** Functions of the course that do the same under other names. */
const ALIASES = {
  poll: 'poll_card',
  protocolOf: 'only_set',
  nameOf: 'only_get',
  transmit: 'ndo_start_xmit',
  shutDown: 'ndo_stop',
}

const snake = name => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)

/**
 * Returns pairs of texts, one beside the other: the parts of the driver in their order, and where
 * they have no twin, the parts of the module after the one before it. A part without a twin has ''
 * beside it.
 * @param {string} driver
 * @param {string} module
 * @returns {[string, string][]}
 */
export function twins(driver, module) {
  const left = partsOf(driver)
  const table = new Map(
    [...module.matchAll(/^\t\.(ndo_\w+) = (\w+),/gm)].map(([, operation, name]) => [
      name,
      operation,
    ]),
  )
  const right = partsOf(module).map(text => ({ text, keys: keysInC(text, table) }))
  const operations = new Map(
    [...driver.matchAll(/\b(ndo[A-Z]\w*): (\w+)/g)].map(([, operation, name]) => [name, operation]),
  )
  const used = new Set()
  const pairs = left.map(text => {
    const keys = keysInJs(text, operations)
    const twin = right.find(part => !used.has(part) && part.keys.some(key => keys.includes(key)))
    used.add(twin)
    return { text, twin }
  })
  let at = 0
  for (const part of right) {
    const found = pairs.findIndex(({ twin }) => twin === part)
    if (found === -1) {
      pairs.splice(at, 0, { text: '', twin: part })
    }
    at = (found === -1 ? at : found) + 1
  }
  return pairs.map(({ text, twin }) => [text, twin?.text ?? ''])
}

/** A part is a text at the left margin, with its comment, up to an empty line before the next. */
function partsOf(text) {
  const parts = text.trim().split(/\n\s*\n(?=[^\s})\]])(?!\w+:$)/m)
  // The parameters of a module are one part, as in a driver.
  for (let i = parts.length - 1; i > 0; i--) {
    const isMore = [parts[i - 1], parts[i]].every(part => /^module_param/m.test(part))
    if (isMore) {
      parts.splice(i - 1, 2, `${parts[i - 1]}\n\n${parts[i]}`)
    }
  }
  return parts
}

function keysInJs(text, operations) {
  const [, name = ''] =
    /^(?:export )?(?:async )?(?:function\*? |const |class )(\w+)/m.exec(text) ?? []
  const key = ALIASES[name] ?? snake(operations.get(name) ?? name)
  return [key, ...OTHERS.flatMap(([pattern], i) => (pattern.test(text) ? [i] : []))]
}

function keysInC(text, table) {
  const [, name = ''] = /^[a-z].*\b(\w+)\([\s\S]*?\)\n\{/m.exec(text) ?? []
  return [
    ...(name === '' ? [] : [table.get(name), name, name.replace(/^[a-z]+_/, '')]),
    ...OTHERS.flatMap(([, pattern], i) => (pattern.test(text) ? [i] : [])),
  ]
}
