/** Completes and explains the names of 'vnet' in the editor, by packages/learn/src/browser. */
import { autocompletion } from '@codemirror/autocomplete'
import { javascriptLanguage } from '@codemirror/lang-javascript'
import { syntaxTree } from '@codemirror/language'
import { hoverTooltip } from '@codemirror/view'
import { infoAt, optionsAt } from '../../../packages/learn/src/browser/driver-types.ts'

const KINDS = {
  const: 'constant',
  namespace: 'namespace',
  class: 'class',
  function: 'function',
  interface: 'interface',
}

/** Returns the extensions. The table at `url` loads after the editor, and calls `onLoad`. */
export function driverTypes(url, onLoad) {
  let table
  // Without it the editor completes what the text has.
  fetch(url)
    .then(response => response.json())
    .then(found => {
      table = found
      onLoad()
    })
    .catch(() => {})
  return [
    autocompletion({ icons: false }),
    javascriptLanguage.data.of({ autocomplete: context => table && complete(table, context) }),
    hoverTooltip(({ state }, at) => {
      const found = table && infoAt(table, state.doc.toString(), at)
      return found
        ? { pos: found.from, end: found.to, create: () => ({ dom: explanation(found) }) }
        : null
    }),
  ]
}

function complete(table, { state, pos, explicit }) {
  const text = state.doc.toString()
  const before = text.slice(0, pos)
  const isInText = /Comment|String$/.test(syntaxTree(state).resolveInner(pos, -1).name)
  if (isInText && !/import\('vnet'\)\.\w*$/.test(before)) return null
  // Members are offered after the point, other names after their first letter.
  if (!explicit && !/\.\w*$|[A-Za-z_]\w*$/.test(before)) return null
  const found = optionsAt(table, text, pos)
  if (found === undefined) return null
  return { from: found.from, validFor: /^[\w$]*$/, options: found.options.map(optionOf) }
}

function optionOf({ name, code, doc, imports }) {
  const [kind] = /^\w+/.exec(code)
  const apply = (view, _completion, from, to) => {
    const changes = [{ from, to, insert: name }, ...(imports ? [imports] : [])]
    const after = view.state.changes(changes).mapPos(to, 1)
    view.dispatch({ changes, selection: { anchor: after }, userEvent: 'input.complete' })
  }
  return {
    label: name,
    type: KINDS[kind] ?? 'property',
    apply,
    info: () => explanation({ code, doc }),
  }
}

function explanation({ code, doc }) {
  const shown = document.createElement('div')
  shown.className = 'explanation'
  const line = document.createElement('code')
  line.textContent = code
  shown.append(line, ...(doc === '' ? [] : [doc]))
  return shown
}
