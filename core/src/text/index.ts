/**
 * The text kit: what a backend that works on tokens or raw text needs, and what the core finishes every reply with.
 * All of it is synchronous, incremental, linear in the text, and gives the same result however the text is cut.
 */
export { Finisher, type FinisherOptions, type ReasoningMode } from './finish.ts';
export { JsonEnd } from './json.ts';
export { ReasoningSplitter, type Segment } from './reasoning.ts';
export { type Matched, StopMatcher } from './stop.ts';
export {
  type ChatTemplate,
  compileTemplate,
  describeTemplate,
  opensReasoning,
  type TemplateInput,
  type TemplateMessage,
  type TemplatePart,
} from './template.ts';
export { ToolCallParser, type ToolEvent } from './tools.ts';
export { type Released, TokenText } from './utf8.ts';
