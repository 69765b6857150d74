/** The server serves uPlot beside the page, as uPlot.js and uPlot.css. */
export { default } from 'uplot'
