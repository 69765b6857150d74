/**
 * The default theme with the fonts of the system, which are no download, and with an editor and the
 * checks on the pages of exercises.
 */
import { onContentUpdated, useData, withBase } from 'vitepress'
import DefaultTheme from 'vitepress/theme-without-fonts'
import { defineComponent, h, onBeforeUnmount, onMounted, ref } from 'vue'
import './exercise.css'
import { markPassed } from './progress.js'

/** Resolves when the page has nothing better to do. */
const idle = () => new Promise(resolve => (globalThis.requestIdleCallback ?? setTimeout)(resolve))

async function loadEditor(types) {
  await idle()
  const { codeMirror } = await import('./code-mirror.js')
  return options => codeMirror(options, types)
}

const Exercise = defineComponent({
  props: ['exercise'],
  setup({ exercise }) {
    const place = ref()
    let isLeft = false
    let unmount = () => {
      isLeft = true
    }
    onMounted(async () => {
      const { mountExercise } = await import('../../../packages/learn/src/browser/exercise-page.ts')
      if (isLeft) return
      const text = document.querySelector('.vp-doc')
      const inBundle = file => withBase(`/${exercise.bundle}/${file}`)
      const editor = () => loadEditor(inBundle('types.json'))
      unmount = mountExercise(place.value, {
        ...exercise,
        worker: inBundle('check-worker.js'),
        readme: inBundle(`pages/${exercise.name}.md`),
        text,
        onPassed: markPassed,
        loadEditor: editor,
      })
    })
    onBeforeUnmount(() => unmount())
    // The outline of the page leads to the heading.
    const heading = () => h('h2', { id: 'driver', tabindex: '-1' }, exercise.driver)
    return () => h('section', { class: 'exercise vp-doc' }, [heading(), h('div', { ref: place })])
  },
})

const Layout = defineComponent(() => {
  const { frontmatter } = useData()
  const exercise = () => frontmatter.value.exercise
  onContentUpdated(markPassed)
  // Another tab has checked.
  onMounted(() => addEventListener('storage', markPassed))
  return () =>
    h(DefaultTheme.Layout, null, {
      'doc-footer-before': () => exercise() && h(Exercise, { key: exercise().name, exercise: exercise() }),
    })
})

// biome-ignore lint/style/noDefaultExport: VitePress loads its theme by the default export.
export default { extends: DefaultTheme, Layout }
