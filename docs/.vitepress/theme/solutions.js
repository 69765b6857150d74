/** The solution, the mistakes and the module in C of an exercise as elements of its page. */
import { button, element } from '../../../packages/learn/src/browser/element.ts'
import { twins } from './twins.js'

/** The name of a mistake is the title: `acknowledges-last`. */
export function mistake({ name, inKernel, explainedBy, replace }) {
  const title = name.replaceAll('-', ' ').replace(/^./, first => first.toUpperCase())
  const all = typeof replace[0] === 'string' ? [replace] : replace
  const changes = all.flatMap((change, i) => [
    ...(i > 0 ? [element('span', {}, '  ...\n')] : []),
    ...changed(change),
  ])
  return element(
    'section',
    {},
    element('h3', {}, title),
    scrolling('change', ...changes),
    element('p', {}, element('b', {}, 'In a kernel: '), inKernel),
    element('p', {}, element('b', {}, 'The check: '), `"${explainedBy}"`),
  )
}

/** Returns the lines of a change, with the lines around it that remain. */
function changed([from, to]) {
  const [before, after] = [from, to].map(linesOf)
  const start = []
  const end = []
  while (before.length > 0 && before[0] === after[0]) {
    start.push(before.shift())
    after.shift()
  }
  while (before.length > 0 && before.at(-1) === after.at(-1)) {
    end.unshift(before.pop())
    after.pop()
  }
  const shown = (tag, mark, lines) => lines.map(line => element(tag, {}, `${mark} ${line}\n`))
  return [
    ...shown('span', ' ', start),
    ...shown('del', '-', before),
    ...shown('ins', '+', after),
    ...shown('span', ' ', end),
  ]
}

/** A change may start within a line: the lines that follow have the indentation of the first. */
function linesOf(text) {
  const [first, ...others] = text.trim() === '' ? [] : text.trimEnd().split('\n')
  if (first === undefined) return []
  const indents = others.filter(line => line !== '').map(line => line.search(/\S/))
  const indent = Math.min(first.search(/\S/) || Number.POSITIVE_INFINITY, ...indents)
  return [first, ...others].map((line, i) =>
    i === 0 && !/^\s/.test(line) ? line : line.slice(indent),
  )
}

/** Shows the functions of both drivers side by side, over the page. */
export function showTwins(name, driver, text, module) {
  const dialog = element('dialog', { className: 'twins' })
  dialog.setAttribute('aria-label', 'The same driver in C')
  const close = button('Close', () => dialog.close())
  close.className = 'close'
  const pairs = twins(text, module)
  // The imports are the least interesting part.
  if (/^import /m.test(pairs[0][0])) {
    pairs.push(pairs.shift())
  }
  const heads = [driver, 'solution.c'].map(file => element('b', {}, file))
  const cells = pairs.flatMap(pair => pair.map(part => (part === '' ? element('i') : code(part))))
  dialog.append(
    element('div', { className: 'head' }, element('h2', {}, 'The same driver in C'), close),
    element('p', {}, 'In a clone of vnet, this builds the module for the kernel of this machine:'),
    scrolling('', element('code', {}, `make -C packages/learn/course/kernel ${name}`)),
    element('div', { className: 'pairs' }, ...heads, ...cells),
  )
  document.querySelector('.exercise').append(dialog)
  dialog.addEventListener('close', () => dialog.remove())
  dialog.showModal()
}

/** The parts of JavaScript and C that the editor colours, too. */
const TOKENS =
  /(?<comment>\/\/.*|\/\*[\s\S]*?\*\/)|(?<string>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`[^`]*`)|(?<number>\b\d\w*)|(?<keyword>\b(?:async|await|break|case|class|const|continue|default|do|else|enum|export|extern|for|from|function|goto|if|import|in|let|new|of|return|sizeof|static|struct|switch|this|throw|typeof|union|unsigned|void|while|yield|int|bool|char|long)\b|#\w+)/g

export function code(text) {
  const shown = element('code')
  let end = 0
  for (const { 0: token, index, groups } of text.matchAll(TOKENS)) {
    const [kind] = Object.entries(groups).find(([, value]) => value !== undefined)
    shown.append(text.slice(end, index), element('span', { className: `tok-${kind}` }, token))
    end = index + token.length
  }
  shown.append(text.slice(end))
  return scrolling('coloured', shown)
}

/** A `pre` that keys can scroll. */
function scrolling(className, ...children) {
  return element('pre', { className, tabIndex: 0 }, ...children)
}
