"""Networks of one's own, of any library: quantize them, fine-tune them, and report what that did to them."""
