{
  outputs = { self }: {
    nixosModules.default = ./. + "/wg0.nix";
  };
}
