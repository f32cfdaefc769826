import LibvirtDriver
import PluginKit

#berthDriver(Hypervisor.self, id: "libvirt", version: "1.0.0")
