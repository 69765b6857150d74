/** The table of docs/drivers/exports.md, from the declarations of the last build. */
import { apiReference } from '../api-reference.mjs'
import { cell, firstSentence, table } from '../blocks.mjs'

const KINDS = ['function', 'class', 'namespace']

/** Returns the functions, classes and headers of `vnet`, each with the first sentence about it. */
export function exportsTable() {
  const rows = apiReference()
    .exports.filter(({ entry, kind }) => entry === 'vnet' && KINDS.includes(kind))
    .map(({ name, doc }) => {
      const [, kernel = '', text] = /^(?:\(\d\) )?(?:([a-z\d_]+)(?:, an \w+)?: )?(.*)$/.exec(
        sentenceOf(doc),
      )
      const known = kernel === '' ? '' : `\`${kernel}\``
      return [`\`${name}\``, known, cell(`${text[0].toUpperCase()}${text.slice(1)}`)]
    })
    .sort(([one], [other]) => one.localeCompare(other, 'en'))
  return table(['name', 'in the kernel', 'what it is'], rows)
}

/** Returns the first sentence of a docstring. */
const sentenceOf = doc => firstSentence(doc.replace(/^\/\*\*|\*\/$/g, '').replace(/^\s*\* ?/gm, ''))
