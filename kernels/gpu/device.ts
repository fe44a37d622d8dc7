// Finds a WebGPU device: `navigator.gpu` in a browser, the package `webgpu` (Dawn) in Node.

export interface Device {
  readonly device: GPUDevice;
  /** Maker and model, for people. */
  readonly description: string;
  /** True where no GPU computes but the CPU in its stead (SwiftShader, llvmpipe, WARP). */
  readonly isSoftwareAdapter: boolean;
}

/** Dawn ends a device whose instance is collected, so the instance lives as long as the program. */
let dawn: GPU | undefined;

/** Throws naming what to install or to switch on where there is no WebGPU. */
async function entryPoint(): Promise<GPU> {
  if (typeof navigator !== 'undefined' && 'gpu' in navigator && navigator.gpu) return navigator.gpu;
  if (typeof process === 'undefined' || !process.versions?.node)
    throw missing(
      'this browser offers no WebGPU',
      'take one that does and a page over HTTPS, or the flag --enable-unsafe-webgpu of Chromium',
    );
  if (dawn) return dawn;
  if (process.platform === 'linux' && !hasVulkanLoader())
    throw missing('libvulkan.so.1 cannot be loaded', 'install the package libvulkan1 and the Vulkan driver of the GPU');
  try {
    const { create } = await import('webgpu');
    return (dawn = create([]));
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    throw missing(`the package webgpu cannot be loaded (${reason})`, 'npm install webgpu@0.6.2');
  }
}

const missing = (what: string, remedy: string) => new Error(`backend gpu:webgpu: ${what}; to have it: ${remedy}`);

/** Dawn would look for the library itself, and complain on the standard error. */
function hasVulkanLoader(): boolean {
  try {
    process.dlopen({ exports: {} }, 'libvulkan.so.1');
    return true;
  } catch (error) {
    // That the library is no module of Node is an error as well, but one that comes after it was loaded.
    return (error as Error).message.includes('self-register');
  }
}

const software = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|warp|software/i;

/** Opens the best adapter with the largest buffers that it allows. */
export async function openDevice(): Promise<Device> {
  const gpu = await entryPoint();
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter)
    throw missing(
      'no adapter found',
      'install the Vulkan driver of the GPU, or for tests chromium, whose SwiftShader computes on the CPU ' +
        '(VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json)',
    );
  const { maxStorageBufferBindingSize, maxBufferSize } = adapter.limits;
  const device = await adapter.requestDevice({ requiredLimits: { maxStorageBufferBindingSize, maxBufferSize } });
  const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
  const label = [vendor, architecture, description].filter(Boolean).join(' ') || 'unnamed adapter';
  return { device, description: label, isSoftwareAdapter: isFallbackAdapter || software.test(label) };
}
