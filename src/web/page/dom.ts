/**
 * Makes elements. Text becomes text nodes only, never markup, so the names of interfaces, the
 * contents of frames and the messages of errors cannot be more than text.
 */
export type Child = Node | string | number | undefined | false

type Props<E> = { readonly [K in keyof E]?: E[K] | undefined } & {
  readonly class?: string | undefined
  /** Attributes that have no property: `aria-label`, `role`. */
  readonly attrs?: Readonly<Record<string, string>>
  readonly on?: { readonly [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void }
}

/** h('button', { class: 'primary', on: { click } }, 'Cut'). Properties are named as in the DOM. */
export function h<T extends keyof HTMLElementTagNameMap>(
  tag: T,
  props: Props<HTMLElementTagNameMap[T]> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[T] {
  const element = document.createElement(tag)
  const { class: className, attrs, on, ...rest } = props
  if (className !== undefined) element.className = className
  for (const [name, value] of Object.entries(rest)) if (value !== undefined) Object.assign(element, { [name]: value })
  for (const [name, value] of Object.entries(attrs ?? {})) element.setAttribute(name, value)
  for (const [name, listener] of Object.entries(on ?? {})) element.addEventListener(name, listener as EventListener)
  append(element, children)
  return element
}

const SVG = 'http://www.w3.org/2000/svg'

/** The same for SVG: svg('rect', { x: 0, y: 0, width: 10, class: 'slot' }). */
export function svg<T extends keyof SVGElementTagNameMap>(
  tag: T,
  attrs: Readonly<Record<string, string | number>> = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[T] {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attrs)) element.setAttribute(name, `${value}`)
  append(element, children)
  return element
}

/** Replaces the contents of an element. */
export function fill(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren()
  append(element, children)
}

/** Sets the text of an element, and touches the page only if it is another one. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

function append(element: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child === undefined || child === false) continue
    element.append(typeof child === 'number' ? `${child}` : child)
  }
}
