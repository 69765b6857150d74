/**
 * What tests run in a page. Each function is sent there as text, and so uses nothing outside of it.
 */

/** Returns how wide the page is, in CSS pixels: wider than its window if it scrolls sideways. */
export const widthOfPage = () => document.scrollingElement.scrollWidth

/**
 * Returns the texts with a contrast below the minimum of WCAG 2.2 AA, or with letters smaller than
 * 13 px. Texts of disabled controls need no contrast.
 */
export function findIllegible() {
  const canvas = document.createElement('canvas')
  canvas.width = 1
  canvas.height = 1
  const context = canvas.getContext('2d', { willReadFrequently: true })

  /** Paints colours over each other, on white, and returns the luminance of the result. */
  function luminance(colours) {
    context.globalAlpha = 1
    context.fillStyle = 'white'
    context.fillRect(0, 0, 1, 1)
    for (const [colour, opacity] of colours) {
      context.globalAlpha = opacity
      context.fillStyle = colour
      context.fillRect(0, 0, 1, 1)
    }
    const [red, green, blue] = [...context.getImageData(0, 0, 1, 1).data].map(value => {
      const part = value / 255
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }

  const ancestors = element =>
    element.parentElement === null ? [element] : [...ancestors(element.parentElement), element]

  /** The background colours of a text, the lowest first. */
  function behind(element, box) {
    const boxes = ancestors(element).map(each => [getComputedStyle(each).backgroundColor, 1])
    if (!(element instanceof SVGElement)) return boxes
    element.scrollIntoView({ block: 'center', inline: 'center' })
    const { left, top, width, height } = element.getBoundingClientRect()
    const stack = document.elementsFromPoint(left + width / 2, top + height / 2).reverse()
    const shapes = stack.filter(
      each => each instanceof SVGGeometryElement && !each.contains(element),
    )
    const fills = shapes.map(each => {
      const { fill, fillOpacity, opacity } = getComputedStyle(each)
      return [fill === 'none' ? 'transparent' : fill, Number(fillOpacity) * Number(opacity)]
    })
    return box.width === 0 ? boxes : [...boxes, ...fills]
  }

  function problemOf(element, box) {
    const style = getComputedStyle(element)
    const size = Number.parseFloat(style.fontSize)
    if (size < 13) return `letters of ${size} px`
    const opacity = ancestors(element).reduce(
      (all, each) => all * Number(getComputedStyle(each).opacity),
      1,
    )
    const layers = behind(element, box)
    const colour = element instanceof SVGElement ? style.fill : style.color
    const [below, above] = [luminance(layers), luminance([...layers, [colour, opacity]])].sort(
      (a, b) => a - b,
    )
    const contrast = (above + 0.05) / (below + 0.05)
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)
    return contrast < (isLarge ? 3 : 4.5) ? `contrast ${contrast.toFixed(2)}` : undefined
  }

  const found = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement
    const text = node.textContent?.trim() ?? ''
    if (
      element === null ||
      text === '' ||
      element.closest(':disabled, [aria-disabled=true], .visually-hidden')
    ) {
      continue
    }
    const range = document.createRange()
    range.selectNodeContents(node)
    const box = range.getBoundingClientRect()
    if (
      box.width === 0 ||
      box.height === 0 ||
      !element.checkVisibility({ visibilityProperty: true })
    ) {
      continue
    }
    const problem = problemOf(element, box)
    if (problem !== undefined) {
      found.push({ text: text.slice(0, 40), element: nameOf(element), problem })
    }
  }
  return found

  function nameOf(element) {
    return ancestors(element)
      .slice(-3)
      .map(
        each =>
          `${each.localName}${each.classList.length > 0 ? `.${[...each.classList].join('.')}` : ''}`,
      )
      .join(' > ')
  }
}

/** Returns the controls that are smaller than 32 px: a finger misses them. */
export function findSmallControls() {
  const controls = [...document.querySelectorAll('button, select, input, textarea, nav a, summary')]
  return controls.flatMap(control => {
    const target = control.closest('label') ?? control
    const { width, height } = target.getBoundingClientRect()
    if (!control.checkVisibility({ visibilityProperty: true }) || width === 0) return []
    if (height >= 31.5 && (width >= 31.5 || control.localName === 'a')) return []
    const name = control.getAttribute('aria-label') ?? control.textContent?.trim() ?? ''
    return [
      `${control.localName}.${control.className} '${name.slice(0, 30)}': ${Math.round(width)}x${Math.round(height)}`,
    ]
  })
}

/** Returns the elements that a text made, and attributes that would run a script. */
export function findForeign() {
  const all = [...document.querySelectorAll('*')]
  const own = [...document.querySelectorAll('script[src="main.js"], img[src="mark.svg"]')]
  const elements = all.filter(
    element =>
      !own.includes(element) && /^(img|script|iframe|object|embed|base)$/i.test(element.localName),
  )
  const attributes = all.flatMap(element =>
    [...element.attributes].filter(({ name }) => /^(on|srcdoc$|action$)/i.test(name)),
  )
  const links = all.filter(element => /^\s*javascript:/i.test(element.getAttribute('href') ?? ''))
  return [...elements, ...links]
    .map(element => element.outerHTML)
    .concat(attributes.map(({ name, value }) => `${name}=${value}`))
}

/** Returns all texts of the page: in its elements, its fields, and its attributes. */
export function allTexts() {
  const all = [...document.querySelectorAll('body *')]
  const attributes = all.flatMap(element => [...element.attributes].map(({ value }) => value))
  return [
    document.title,
    document.body.textContent,
    ...all.map(({ value }) => value ?? ''),
    ...attributes,
  ].join('\n')
}

/** Notes the time of the last statistics that came. Runs before the page is loaded. */
export function noteStatistics() {
  globalThis.lastStatistics = 0
  globalThis.EventSource = class extends EventSource {
    constructor(address) {
      super(address)
      this.addEventListener('message', ({ data }) => {
        if (data.startsWith('{"type":"stats"')) {
          globalThis.lastStatistics = Number(/"time":([\d.]+)/.exec(data)[1])
        }
      })
    }
  }
}

/** Whether statistics of this time have come. */
export const hasStatisticsOf = time => globalThis.lastStatistics >= time

/**
 * Returns the unreachable controls of the page, and how each reached one shows that it has the
 * focus. `noteFocus` has noted the `reached` ones.
 */
export function unreachedControls() {
  const all = [
    ...document.querySelectorAll(
      'a[href], button, input, select, textarea, summary, [tabindex="0"]',
    ),
  ]
  const shown = all.filter(
    each => each.checkVisibility({ visibilityProperty: true }) && !each.matches(':disabled'),
  )
  // One radio button of a group is reached by Tab, the others by arrows.
  const controls = shown.filter(each => each.type !== 'radio' || each.checked)
  return controls
    .filter(each => !globalThis.reached?.has(each))
    .map(each => each.outerHTML.slice(0, 120))
}

/** Notes what has the focus. Returns what shows no sign of it, or undefined. */
export function noteFocus() {
  const element = document.activeElement
  globalThis.reached ??= new Set()
  globalThis.reached.add(element)
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element)
  const isMarked = (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none'
  return isMarked || element === document.body ? undefined : element.outerHTML.slice(0, 120)
}

export const focusedId = () => document.activeElement.id

/** Whether keys go into a field, and so do not choose views. */
export const isTyping = () => document.activeElement.matches('input, select, textarea')

/** Returns how the upper border of each element looks. */
export const bordersOf = elements => elements.map(each => getComputedStyle(each).borderTop)

/** Returns the text of the uppermost element at a place of the window. */
export const textAt = ({ x, y }) => document.elementFromPoint(x, y)?.textContent

/** Whether a text is wider than its element, which then hides its end. */
export const isCutOff = element => element.scrollWidth > element.clientWidth

/** Returns the tables with a heading that has no text. */
export const unnamedHeadings = () =>
  [...document.querySelectorAll('th')]
    .filter(each => each.textContent === '')
    .map(each => each.parentElement.innerHTML)

/**
 * Returns for each canvas of a plot how many vertical lines in the colours of events are in it: of
 * all columns of pixels, those with a red or amber pixel in more than a third of their upper half.
 */
export const countMarks = canvases =>
  canvases.map(canvas => {
    const { width, height } = canvas
    const copy = Object.assign(document.createElement('canvas'), { width, height })
    const context = copy.getContext('2d', { willReadFrequently: true })
    context.drawImage(canvas, 0, 0)
    const { data } = context.getImageData(0, 0, width, height)
    let marks = 0
    for (let x = 0; x < width; x++) {
      let coloured = 0
      for (let y = 0; y < height / 2; y++) {
        const [red, , blue] = data.subarray(4 * (y * width + x))
        if (red - blue > 60) {
          coloured++
        }
      }
      if (coloured > height / 7) {
        marks++
      }
    }
    return marks
  })

/** Resolves when what was to be drawn is drawn. */
export const nextFrame = () =>
  new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))
