"""`teleop bench haptics`: a hand, a handle, a link, a robot and a surface on a virtual clock."""
