export { InspectorHandle, inspectorHandle } from './handle.ts';
export { inspector, type InspectorOptions } from './inspector.ts';
export { type InspectorMount, mount } from './mount.ts';
export type { MountOptions } from './options.ts';
