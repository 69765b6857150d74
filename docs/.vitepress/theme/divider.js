/** The divider between the text of an exercise and its editor, for pointers and keys. */
import { defineComponent, h, onMounted, ref } from 'vue'

/** Where the browser keeps it. */
const KEY = 'vnet-learn/divider'
/** The width of the text, in percent of both. */
const MIN = 25
const MAX = 75
const STEP = 2

/** Storage that the visitor has switched off holds nothing. */
function stored(text) {
  try {
    if (text !== undefined) {
      localStorage.setItem(KEY, text)
    }
    return localStorage.getItem(KEY)
  } catch {
    return null
  }
}

export const Divider = defineComponent(() => {
  const bar = ref()
  const percent = ref()
  const grid = () => bar.value.parentElement
  /** The width that the style gives, until the visitor chooses one. */
  const measured = () =>
    Math.round((100 * grid().querySelector('main').offsetWidth) / grid().offsetWidth)
  function move(wanted) {
    percent.value = Math.min(MAX, Math.max(MIN, Math.round(wanted)))
    grid().style.setProperty('--text-width', `${percent.value}%`)
  }
  const keep = () => stored(`${percent.value}`)
  onMounted(() => {
    const kept = Number.parseInt(stored() ?? '', 10)
    if (kept > 0) {
      move(kept)
    } else {
      percent.value = measured()
    }
  })
  const keys = {
    ArrowLeft: now => now - STEP,
    ArrowRight: now => now + STEP,
    Home: () => MIN,
    End: () => MAX,
  }
  function onKeydown(event) {
    const next = keys[event.key]
    if (next === undefined) return
    event.preventDefault()
    move(next(measured()))
    keep()
  }
  function onPointerdown({ pointerId }) {
    bar.value.setPointerCapture(pointerId)
  }
  function onPointermove({ pointerId, clientX }) {
    if (!bar.value.hasPointerCapture(pointerId)) return
    const { left, width } = grid().getBoundingClientRect()
    move((100 * (clientX - left)) / width)
  }
  return () =>
    h('div', {
      class: 'divider-bar',
      ref: bar,
      role: 'separator',
      tabindex: 0,
      'aria-orientation': 'vertical',
      'aria-label': 'Width of the text',
      'aria-valuemin': MIN,
      'aria-valuemax': MAX,
      'aria-valuenow': percent.value,
      onKeydown,
      onPointerdown,
      onPointermove,
      onLostpointercapture: keep,
    })
})
