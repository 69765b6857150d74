/** The options of the programs in scripts and bench. A wrong one ends the program with one line. */
import { basename } from 'node:path'
import { parseArgs } from 'node:util'

export const text = { type: 'string' }
export const flag = { type: 'boolean' }
/** An option for a whole number. */
export const whole = (usual, least, most) => ({ type: 'string', usual, least, most })

/** Ends the program with status 2: it cannot do what its user has written. */
export function refuse(message) {
  process.stderr.write(`${basename(process.argv[1], '.mjs')}: ${message}\n`)
  process.exit(2)
}

/** Returns the values of the options by name, and at most `most` other words. */
export function readOptions(options = {}, most = 0) {
  const { values, positionals } = parsed(options)
  if (positionals.length > most) {
    refuse(`${positionals[most]}: expected ${most === 0 ? 'only options' : 'fewer words'}`)
  }
  for (const [name, { usual, least, most }] of Object.entries(options)) {
    if (least === undefined) continue
    const value = values[name] ?? String(usual)
    if (!/^\d{1,15}$/.test(value) || value < least || value > most) {
      refuse(`--${name} ${value}: expected a whole number from ${least} to ${most}`)
    }
    values[name] = Number(value)
  }
  return { values, positionals }
}

/** Returns the element of a list that an option names. */
export function oneOf(name, value, known) {
  return known.includes(value) ? value : refuse(`--${name} ${value}: expected ${known.join(', ')}`)
}

function parsed(options) {
  try {
    return parseArgs({ options, allowPositionals: true })
  } catch (error) {
    return refuse(error.message.split(/[.\n]/)[0])
  }
}
