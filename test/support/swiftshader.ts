// Lets Dawn find SwiftShader, a Vulkan driver that computes on the CPU, where Debian's chromium has brought it along.
import { existsSync } from 'node:fs';
import { constants } from 'node:os';

const folder = '/usr/lib/chromium';
const driver = `${folder}/vk_swiftshader_icd.json`;
const loader = `${folder}/libvulkan.so.1`;

/** To be called before the package `webgpu` starts. Does nothing where a driver is chosen already. */
export function offerSwiftShader(): void {
  if (process.env.VK_ICD_FILENAMES || !existsSync(driver)) return;
  process.env.VK_ICD_FILENAMES = driver;
  if (!existsSync(loader)) return;
  // Dawn asks for libvulkan.so.1 by that name alone, and a machine without a GPU has none in its library path. Once
  // loaded from here and kept (RTLD_NODELETE), it is found. That it is no module of Node is an error, but comes later.
  const keepLoaded = 0x1000;
  try {
    process.dlopen({ exports: {} }, loader, constants.dlopen.RTLD_NOW | keepLoaded);
  } catch {
    return;
  }
}
